//! What the files of a report hold, on results that nobody measured.

use super::*;
use crate::methods;
use crate::record::{Provenance, RunRecord};
use crate::schema::Experiment;
use ligo_kernels::Cpu;
use polars::prelude::DataType;
use std::collections::HashMap;

/// The files of a report by name.
fn report(results: &Results) -> HashMap<String, String> {
    let directory = tempfile::tempdir().unwrap();
    write(results, directory.path()).unwrap();
    files_in(directory.path())
}

fn files_in(directory: &Path) -> HashMap<String, String> {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), String::from_utf8_lossy(&bytes).into_owned())
    });
    files.collect()
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

/// The rows of the tables below a heading of `table.md`.
fn rows_below(table: &str, heading: &str) -> String {
    let below = table.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    let section = below.take_while(|line| !line.starts_with("## "));
    section.filter(|line| line.starts_with('|')).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_promised_file_is_there_and_the_same_results_give_the_same_bytes() {
    let results = sample::irregular();
    let files = report(&results);
    let mut names: Vec<&str> = files.keys().map(String::as_str).collect();
    names.sort_unstable();
    let promised = [
        "experiment.resolved.toml",
        "loss-flops-dark.svg",
        "loss-flops.svg",
        "loss-wall-dark.svg",
        "loss-wall.svg",
        "metrics.parquet",
        "operator-ligo-depth-dark.svg",
        "operator-ligo-depth.svg",
        "operator-ligo-spectra-dark.svg",
        "operator-ligo-spectra.svg",
        "report.html",
        "savings-dark.svg",
        "savings.svg",
        "summary.json",
        "table.md",
    ];
    assert_eq!(names, promised);
    assert_eq!(files, report(&results));
}

#[test]
fn metrics_come_back_from_parquet_as_they_were() {
    // More rows than one batch of the reader holds.
    let seeds: Vec<u64> = (0..12).collect();
    let results = sample::results(&seeds, &[("scratch", "scratch"), ("ligo", "ligo"), ("stackbert", "stackbert")]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.parquet");
    metrics::write_metrics(&results, &path).unwrap();
    let frame = read_metrics(&path).unwrap();

    let runs: Vec<&RunRecord> = results.small.iter().chain(&results.methods).collect();
    let rows: Vec<_> = runs.iter().flat_map(|run| &run.rows).collect();
    assert!(rows.len() > 1024);
    assert_eq!(frame.height(), rows.len());
    for (name, expected) in [
        ("label", DataType::String),
        ("seed", DataType::UInt64),
        ("total_steps", DataType::UInt64),
        ("flops", DataType::Float64),
        ("train_loss", DataType::Float64),
    ] {
        assert_eq!(frame.column(name).unwrap().dtype(), &expected, "{name}");
    }
    let losses: Vec<Option<f64>> = frame.column("validation_loss").unwrap().f64().unwrap().iter().collect();
    assert_eq!(losses, rows.iter().map(|row| Some(row.validation_loss)).collect::<Vec<_>>());
    let train: Vec<Option<f64>> = frame.column("train_loss").unwrap().f64().unwrap().iter().collect();
    assert_eq!(train, rows.iter().map(|row| row.train_loss).collect::<Vec<_>>());
    assert!(train.contains(&None));
    let labels: Vec<&str> = frame.column("label").unwrap().str().unwrap().iter().flatten().collect();
    assert_eq!(labels, runs.iter().flat_map(|run| run.rows.iter().map(|_| run.label.as_str())).collect::<Vec<_>>());
}

#[test]
fn metrics_that_cannot_be_read_are_an_error_that_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("metrics.parquet");
    metrics::write_metrics(&sample::irregular(), &path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    for path in [path, directory.path().join("none.parquet")] {
        let message = format!("{:#}", read_metrics(&path).unwrap_err());
        assert!(message.contains(path.to_str().unwrap()), "{message}");
    }
}

#[test]
fn the_table_has_spreads_the_papers_figures_and_no_number_where_the_target_was_missed() {
    let files = report(&sample::irregular());
    insta::assert_snapshot!(rows_below(&files["table.md"], "# "), @r"
    | Method | FLOPs saved | Wall time saved | Small model charged: FLOPs / wall time | Final validation loss | Perplexity | Steps to target | Total FLOPs | Wall time |
    |:---|---:|---:|---:|---:|---:|---:|---:|---:|
    | scratch | – | – | – | 4.623 ± 0.005 | 101.9 ± 0.50 | 600 | 18.6 T | 67 s ± 1.4 s |
    | ligo | 64.0 ± 0.4 %<br>*(paper: 22.5 %)* | 64.0 ± 0.6 %<br>*(paper, BERT: 40.7 %)* | 41.5 ± 0.4 / 32.7 ± 1.2 % | 4.473 ± 0.005 | 87.66 ± 0.43 | 213 ± 3 | 19.9 T | 72 s ± 1.4 s |
    | late &lt;&amp;> | reached with 1 of 2 seeds | reached with 1 of 2 seeds | reached with 1 of 2 seeds | 4.668 ± 0.083 | 106.7 ± 8.82 | reached with 1 of 2 seeds | 18.6 T | 67 s ± 1.4 s |
    | never | not reached | not reached | not reached | 4.933 ± 0.005 | 138.9 ± 0.69 | not reached | 9.30 T | 33 s ± 0.7 s |
    ");
}

#[test]
fn a_remark_stands_above_the_table() {
    let mut results = sample::irregular();
    results.experiment.report.remark = Some("Beside <others>.".into());
    let files = report(&results);
    let (remark, table) = files["table.md"].split_once("\n| Method").unwrap();
    assert!(remark.ends_with("Beside &lt;others>.\n") && table.contains("scratch"), "{remark}");
    assert!(files["report.html"].contains("Beside &lt;others"));
}

#[test]
fn tasks_stand_in_the_papers_order_with_its_averages_and_a_table_of_every_measure() {
    let table = &report(&sample::everything())["table.md"];
    insta::assert_snapshot!(rows_below(table, "# "), @r"
    | Method | FLOPs saved | Wall time saved | CoLA (accuracy / Matthews) | SST-2 (accuracy) | SQuAD 1.1 (F1 / exact match) | SQuAD 2.0 (F1 / exact match) | CoLA, adapters (accuracy / Matthews) | GLUE average of 2 | SQuAD average | Small model charged: FLOPs / wall time | Final validation loss | Perplexity | Steps to target | Total FLOPs | Wall time |
    |:---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
    | small model | – | – | 57.50 ± 0.71 / 6.50 ± 0.71<br>*(paper: 59.93)* | 76.50 ± 0.71<br>*(paper: 87.21)* | 66.50 ± 0.71 / 57.50 ± 0.71 | 56.50 ± 0.71 / 47.50 ± 0.71 | 56.50 ± 0.71 / 4.50 ± 0.71 | 67.00 ± 0.71<br>*(paper: 73.57)* | 61.50 ± 0.71 / 52.50 ± 0.71 | – | – | – | – | – | – |
    | scratch | – | – | 62.50 ± 0.71 / 11.50 ± 0.71<br>*(paper: 62.09)* | 81.50 ± 0.71<br>*(paper: 88.19)* | 71.50 ± 0.71 / 62.50 ± 0.71<br>*(paper: 86.55 / 77.31)* | 61.50 ± 0.71 / 52.50 ± 0.71<br>*(paper: 71.31 / 67.07)* | 61.50 ± 0.71 / 9.50 ± 0.71<br>*(paper: 62.39)* | 72.00 ± 0.71<br>*(paper: 75.14)* | 66.50 ± 0.71 / 57.50 ± 0.71<br>*(paper: 78.79 / 72.19)* | – | 4.623 ± 0.005 | 101.9 ± 0.50 | 600 | 18.6 T | 67 s ± 1.4 s |
    | stackbert | 46.3 ± 0.2 %<br>*(paper: 34.1 %)* | 45.6 ± 0.2 %<br>*(paper: 33.3 %)* | 65.50 ± 0.71 / 14.50 ± 0.71<br>*(paper: 59.09)* | 84.50 ± 0.71<br>*(paper: 88.99)* | 74.50 ± 0.71 / 65.50 ± 0.71<br>*(paper: 86.50 / 77.42)* | 64.50 ± 0.71 / 55.50 ± 0.71<br>*(paper: 71.32 / 67.41)* | 64.50 ± 0.71 / 12.50 ± 0.71<br>*(paper: 59.56)* | 75.00 ± 0.71<br>*(paper: 74.04)* | 69.50 ± 0.71 / 60.50 ± 0.71<br>*(paper: 78.91 / 72.41)* | 46.3 ± 0.2 / 45.6 ± 0.2 % | 4.553 ± 0.005 | 94.96 ± 0.47 | 419 ± 1 | 15.6 T | 57 s ± 0.9 s |
    | late | reached with 1 of 2 seeds | reached with 1 of 2 seeds | 68.50 ± 0.71 / 17.50 ± 0.71 | 87.50 ± 0.71 | 77.50 ± 0.71 / 68.50 ± 0.71 | 67.50 ± 0.71 / 58.50 ± 0.71 | 67.50 ± 0.71 / 15.50 ± 0.71 | 78.00 ± 0.71 | 72.50 ± 0.71 / 63.50 ± 0.71 | reached with 1 of 2 seeds | 4.668 ± 0.083 | 106.7 ± 8.82 | reached with 1 of 2 seeds | 18.6 T | 67 s ± 1.4 s |
    | ligo | 64.0 ± 0.4 %<br>*(paper: 44.7 %)* | 64.0 ± 0.6 %<br>*(paper: 40.7 %)* | 71.50 ± 0.71 / 20.50 ± 0.71<br>*(paper: 62.09)* | 90.50 ± 0.71<br>*(paper: 88.42)* | 80.50 ± 0.71 / 71.50 ± 0.71<br>*(paper: 86.28 / 77.45)* | 70.50 ± 0.71 / 61.50 ± 0.71<br>*(paper: 71.24 / 67.17)* | 70.50 ± 0.71 / 18.50 ± 0.71<br>*(paper: 63.05)* | 81.00 ± 0.71<br>*(paper: 75.25)* | 75.50 ± 0.71 / 66.50 ± 0.71<br>*(paper: 78.76 / 72.31)* | 41.5 ± 0.4 / 32.7 ± 1.2 % | 4.473 ± 0.005 | 87.66 ± 0.43 | 213 ± 3 | 19.9 T | 72 s ± 1.4 s |
    ");
    insta::assert_snapshot!(rows_below(table, "## Every measure"), @r"
    | Method | CoLA: accuracy | CoLA: Matthews | SST-2: accuracy | SQuAD 1.1: F1 | SQuAD 1.1: exact match | SQuAD 2.0: F1 | SQuAD 2.0: exact match | CoLA, adapters: accuracy | CoLA, adapters: Matthews |
    |:---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
    | small model | 57.50 ± 0.71 | 6.50 ± 0.71 | 76.50 ± 0.71 | 66.50 ± 0.71 | 57.50 ± 0.71 | 56.50 ± 0.71 | 47.50 ± 0.71 | 56.50 ± 0.71 | 4.50 ± 0.71 |
    | scratch | 62.50 ± 0.71 | 11.50 ± 0.71 | 81.50 ± 0.71 | 71.50 ± 0.71 | 62.50 ± 0.71 | 61.50 ± 0.71 | 52.50 ± 0.71 | 61.50 ± 0.71 | 9.50 ± 0.71 |
    | stackbert | 65.50 ± 0.71 | 14.50 ± 0.71 | 84.50 ± 0.71 | 74.50 ± 0.71 | 65.50 ± 0.71 | 64.50 ± 0.71 | 55.50 ± 0.71 | 64.50 ± 0.71 | 12.50 ± 0.71 |
    | late | 68.50 ± 0.71 | 17.50 ± 0.71 | 87.50 ± 0.71 | 77.50 ± 0.71 | 68.50 ± 0.71 | 67.50 ± 0.71 | 58.50 ± 0.71 | 67.50 ± 0.71 | 15.50 ± 0.71 |
    | ligo | 71.50 ± 0.71 | 20.50 ± 0.71 | 90.50 ± 0.71 | 80.50 ± 0.71 | 71.50 ± 0.71 | 70.50 ± 0.71 | 61.50 ± 0.71 | 70.50 ± 0.71 | 18.50 ± 0.71 |
    ");
}

/// The cells of a line of a table in Markdown, by their headings.
fn cells<'a>(table: &'a str, title: &str) -> HashMap<&'a str, &'a str> {
    let split = |line: &'a str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = table.lines().filter(|line| line.starts_with('|')).map(split);
    let headings = lines.next().unwrap();
    // A title can go on with the row's rate.
    let line = lines
        .find(|line| line[0].split(" (").next() == Some(title))
        .unwrap_or_else(|| panic!("no {title} in:\n{table}"));
    headings.into_iter().zip(line).collect()
}

#[test]
fn rows_of_the_papers_table_5_have_no_savings_of_the_paper_and_its_scores_right_after_growing() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = workspace.join("experiments/paper/bert-no-pretraining.toml");
    let experiment = Experiment::load(&path, &[], &methods::<Cpu>(), &workspace).unwrap();
    let rows: Vec<(&str, &str)> =
        experiment.methods.iter().map(|row| (row.label.as_str(), row.method.as_str())).collect();
    let mut results = sample::results(&[0], &rows);
    let labels = rows.iter().map(|(label, _)| *label).chain(["small"]);
    results.downstream = labels.flat_map(|label| sample::scores_on(&experiment.tasks, label)).collect();
    results.experiment = Experiment { seeds: vec![0], ..experiment };
    let table = report(&results)["table.md"].clone();
    let table = rows_below(&table, "# ");
    for (row, saved, cola, average) in [
        ("small model", "", "(paper: 59.93)", "(paper: 80.38)"),
        ("ligo", "(paper: 44.7 %)", "(paper: 62.09)", "(paper: 82.57)"),
        ("ligo-init", "", "(paper: 60.70)", "(paper: 81.04)"),
        ("ligo-paper-init", "", "(paper: 60.70)", "(paper: 81.04)"),
    ] {
        let cells = cells(&table, row);
        for (heading, paper) in
            [("FLOPs saved", saved), ("CoLA (accuracy / Matthews)", cola), ("GLUE average of 7", average)]
        {
            let cell = cells.get(heading).unwrap_or_else(|| panic!("no {heading} in:\n{table}"));
            let found = cell.split_once("<br>").map(|(_, paper)| paper.trim_matches('*')).unwrap_or_default();
            assert_eq!(found, paper, "{row}, {heading}");
        }
        assert_eq!(cells["Wall time saved"].contains("paper"), row == "ligo", "{row}");
    }
}

#[test]
fn a_task_on_other_data_than_its_kinds_has_nothing_of_the_paper_beside_it() {
    let mut results = sample::everything();
    results.experiment.tasks[1].label = "sst2-sentences".into();
    for record in results.downstream.iter_mut().filter(|record| record.task == "sst2") {
        record.task = "sst2-sentences".into();
    }
    let table = rows_below(&report(&results)["table.md"], "# ");
    assert!(cells(&table, "ligo")["CoLA (accuracy / Matthews)"].contains("(paper: 62.09)"), "{table}");
    assert_eq!(cells(&table, "ligo")["sst2-sentences (accuracy)"], "90.50 ± 0.71");
    assert!(!table.contains("GLUE average"), "{table}");
}

#[test]
fn the_small_models_scores_are_in_the_summary() {
    let summary = json(&report(&sample::everything())["summary.json"]);
    let scores = summary["small"]["downstream"].as_array().unwrap();
    assert_eq!((scores.len(), &scores[0]["task"]), (10, &"cola".into()), "{scores:?}");
}

#[test]
fn what_was_trained_beside_the_listed_runs_is_named() {
    let sentence = "Not listed are other runs of this experiment: the points of the search that were not chosen, scratch trained anew \
                    at equal compute, the tuning on tasks.";
    let files = report(&sample::everything());
    assert!(files["table.md"].contains(sentence) && files["report.html"].contains(sentence));
    assert!(!report(&sample::irregular())["table.md"].contains("Not listed"));
}

#[test]
fn thresholds_the_search_and_equal_compute_have_tables_of_their_own() {
    let table = &report(&sample::everything())["table.md"];
    insta::assert_snapshot!(rows_below(table, "## Other targets"), @r"
    | Method | Target | FLOPs until then | FLOPs saved | Wall time saved | Small model charged: FLOPs / wall time |
    |:---|---:|---:|---:|---:|---:|
    | scratch | 4.800 | 9.93 T ± 174 G | – | – | – |
    | stackbert | 4.800 | 6.56 T ± 53.0 G | 33.9 ± 0.6 % | 32.6 ± 1.3 % | 33.9 ± 0.6 / 32.6 ± 1.3 % |
    | late | 4.800 | 10.5 T ± 2.07 T | −5.2 ± 19.0 % | −5.2 ± 19.0 % | −47.5 ± 18.3 / −63.9 ± 16.8 % |
    | ligo | 4.800 | 2.95 T ± 55.6 G | 70.3 ± 0.0 % | 70.2 ± 0.2 % | 28.0 ± 0.7 / 11.5 ± 2.5 % |
    | scratch | 4.550 | not reached | – | – | – |
    | stackbert | 4.550 | not reached | – | – | – |
    | late | 4.550 | not reached | – | – | – |
    | ligo | 4.550 | 9.97 T ± 50.6 G | scratch does not reach it | – | – |
    ");
    insta::assert_snapshot!(rows_below(table, "## The search"), @r"
    | Method | rate 5e-4 | rate 1e-3 |
    |:---|---:|---:|
    | scratch | 4.620 | **4.600** |
    | stackbert | 4.590 | **4.570** |
    | late | **4.560** | diverged |
    | ligo | 4.530 | **4.510** |
    ");
    insta::assert_snapshot!(rows_below(table, "## At equal compute"), @r"
    | Method | FLOPs | Steps of scratch for them | Its final loss | That of scratch, schedule fully decayed | Difference |
    |:---|---:|---:|---:|---:|---:|
    | stackbert | 19.6 T | 610 | 4.575 ± 0.007 | 4.550 | +0.025 ± 0.007 |
    | late | 20.6 T | 620 | 4.545 ± 0.007 | 4.550 | −0.005 ± 0.007 |
    | ligo | 21.6 T | 630 | 4.515 ± 0.007 | 4.550 | −0.035 ± 0.007 |
    ");
    for sentence in [
        "Every row was searched over the same grid, on seed 0; what ended best was chosen and run on seed 1 as well.",
        "Here scratch was trained anew with all the compute that a row took",
    ] {
        assert!(table.contains(sentence), "{sentence:?} is missing in:\n{table}");
    }
}

#[test]
fn every_run_tells_where_it_comes_from() {
    let files = report(&sample::irregular());
    let rows = rows_below(&files["table.md"], "## Where each row comes from");
    assert_eq!(rows.lines().count(), 2 + 2 + 4 * 2, "heading, small models, four rows with two seeds:\n{rows}");
    let expected = "| ligo | 1 | cargo xtask run sample --set a=\"&lt;script>\" | 99d20b8c0ffee, with changes |";
    assert!(rows.contains(expected), "{rows}");
}

#[test]
fn images_are_compared_by_their_accuracy_which_is_better_the_higher() {
    let results = sample::images();
    let files = report(&results);
    insta::assert_snapshot!(rows_below(&files["table.md"], "# "), @r"
    | Method | FLOPs saved | Wall time saved | Validation accuracy | Small model charged: FLOPs / wall time | Final validation loss | Steps to target | Total FLOPs | Wall time |
    |:---|---:|---:|---:|---:|---:|---:|---:|---:|
    | scratch | – | – | 48.83 ± 0.25 %<br>*(paper, ImageNet: 81.10 %)* | – | 4.623 ± 0.005 | 600 | 18.6 T | 67 s ± 1.4 s |
    | bert2bert | 49.0 ± 0.5 %<br>*(paper: 40.8 %)* | 49.0 ± 0.5 %<br>*(paper: 37.0 %)* | 53.32 ± 0.25 %<br>*(paper, ImageNet: 81.59 %)* | 26.4 ± 0.5 / 17.6 ± 0.1 % | 4.534 ± 0.005 | 306 ± 3 | 18.6 T | 67 s ± 1.4 s |
    | never | not reached | not reached | 33.92 ± 0.22 % | not reached | 4.933 ± 0.005 | not reached | 9.30 T | 33 s ± 0.7 s |
    | ligo | 64.0 ± 0.4 %<br>*(paper: 55.4 %)* | 64.0 ± 0.6 %<br>*(paper: 52.0 %)* | 56.29 ± 0.24 %<br>*(paper, ImageNet: 81.71 %)* | 41.5 ± 0.4 / 32.7 ± 1.2 % | 4.473 ± 0.005 | 213 ± 3 | 19.9 T | 72 s ± 1.4 s |
    ");
    insta::assert_snapshot!(terminal_table(&results).unwrap(), @r"
    method       FLOPs saved     time saved         accuracy   steps to target
    scratch                –              –   48.83 ± 0.25 %               600
    bert2bert   49.0 ± 0.5 %   49.0 ± 0.5 %   53.32 ± 0.25 %           306 ± 3
    never        not reached    not reached   33.92 ± 0.22 %       not reached
    ligo        64.0 ± 0.4 %   64.0 ± 0.6 %   56.29 ± 0.24 %           213 ± 3

    Target: the validation accuracy that scratch ended with, 48.67 ± 0.24 % (the mean of its last 3 measurements); each seed has its own target.
    ");
    let table = &files["table.md"];
    assert!(table.contains("on the images digits (1,437 to train on, 10 classes)."), "{table}");
    assert!(table.contains("for 600 steps of 16 images, each"), "{table}");
    assert!(!table.contains("token"), "{table}");
    assert!(!files.contains_key("loss-flops.svg"));
    let svg = &files["accuracy-flops.svg"];
    assert!(svg.contains(">validation accuracy, %</text>"), "{svg}");
    let saved = &json(&files["summary.json"])["metrics"];
    assert_eq!(saved["never"]["reached_target"], 0);
    assert!(saved["ligo"]["flops_saved"]["mean"].as_f64().unwrap() > 0.3, "{saved}");
}

#[test]
fn bars_have_a_whisker_and_dots_where_there_are_seeds_and_none_where_nothing_was_reached() {
    for (results, bars, dots) in [(sample::irregular(), 2, 7), (sample::quickstart(), 10, 0)] {
        let files = report(&results);
        let svg = &files["savings.svg"];
        tags(svg, &[]);
        assert_eq!(svg.matches("class=\"bar\"").count(), bars, "{svg}");
        // One is the legend's; ligo's four, and two of the row that one seed reached with.
        assert_eq!(svg.matches("<circle").count(), dots, "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("var(--"), "{svg}");
    }
    assert!(report(&sample::irregular())["savings.svg"].contains(">not reached</text>"));
}

/// Two experiments, the second with fewer rows, written as a comparison.
fn comparison(change: impl Fn(&mut Results)) -> anyhow::Result<(String, HashMap<String, String>)> {
    let mut other = sample::results(&[1, 2], &[("scratch", "scratch"), ("stacked", "stackbert"), ("ligo", "ligo")]);
    other.experiment.name = "other".into();
    change(&mut other);
    let directory = tempfile::tempdir().unwrap();
    let text = compare(&[sample::irregular(), other], directory.path())?;
    Ok((text, files_in(directory.path())))
}

#[test]
fn experiments_on_the_same_data_are_held_against_the_first_ones_reference_seed_by_seed() {
    let (text, files) = comparison(|_| {}).unwrap();
    insta::assert_snapshot!(text, @r"
    Experiment: method                 FLOPs saved             Wall time saved   FLOPs saved against scratch of sample   Wall time saved against scratch of sample   Small model charged: FLOPs / wall time   Final validation loss   Total FLOPs      Wall time
    sample: scratch                              –                           –                                       –                                           –                                        –           4.623 ± 0.005        18.6 T   67 s ± 1.4 s
    sample: ligo                      64.0 ± 0.4 %                64.0 ± 0.6 %                            64.0 ± 0.4 %                                64.0 ± 0.6 %                41.5 ± 0.4 / 32.7 ± 1.2 %           4.473 ± 0.005        19.9 T   72 s ± 1.4 s
    sample: late <&>     reached with 1 of 2 seeds   reached with 1 of 2 seeds               reached with 1 of 2 seeds                   reached with 1 of 2 seeds                reached with 1 of 2 seeds           4.668 ± 0.083        18.6 T   67 s ± 1.4 s
    sample: never                      not reached                 not reached                             not reached                                 not reached                              not reached           4.933 ± 0.005        9.30 T   33 s ± 0.7 s
    other: scratch                               –                           –                                   0.0 %                                       0.0 %                                        –           4.630 ± 0.005        18.6 T   69 s ± 1.4 s
    other: stacked                    46.1 ± 0.1 %                45.9 ± 0.3 %                                  46.2 %                                      45.7 %                46.1 ± 0.1 / 45.9 ± 0.3 %           4.560 ± 0.005        15.6 T   58 s ± 0.9 s
    other: ligo                       64.4 ± 0.0 %                64.5 ± 0.1 %                                  64.3 %                                      64.4 %                41.8 ± 0.0 / 34.1 ± 0.8 %           4.480 ± 0.005        19.9 T   74 s ± 1.4 s
    ");
    assert!(files["table.md"].contains("other trained the same large model on the same data as sample"));
    tags(&files["report.html"], &["meta", "link"]);
    for name in ["loss-flops.svg", "loss-flops-dark.svg", "loss-wall.svg", "loss-wall-dark.svg"] {
        assert!(files[name].contains("target of sample"), "{name}");
    }
}

#[test]
fn experiments_on_other_data_are_held_against_their_own_reference_alone() {
    let (text, files) = comparison(|other| other.data.fingerprint = "other".into()).unwrap();
    assert!(!text.contains("against"), "{text}");
    assert!(files["table.md"].contains("Of other the data or the large model are others"), "{}", files["table.md"]);
    assert!(!files["loss-flops.svg"].contains("target of"));
}

#[test]
fn experiments_with_tasks_have_their_scores_side_by_side() {
    let mut one = sample::everything();
    one.experiment.name = "one".into();
    let mut other = one.clone();
    other.experiment.name = "other".into();
    other.downstream.retain(|record| record.task == "cola" && record.way == "full");
    let directory = tempfile::tempdir().unwrap();
    compare(&[one, other], directory.path()).unwrap();
    let table = &files_in(directory.path())["table.md"];
    for (row, cola, sst2) in [
        ("one: ligo", "71.50 ± 0.71 / 20.50 ± 0.71", "90.50 ± 0.71"),
        ("other: ligo", "71.50 ± 0.71 / 20.50 ± 0.71", "–"),
    ] {
        let cells = cells(table, row);
        assert_eq!((cells["CoLA (accuracy / Matthews)"], cells["SST-2 (accuracy)"]), (cola, sst2), "{row}");
        assert_eq!(cells["Small model charged: FLOPs / wall time"], "41.5 ± 0.4 / 32.7 ± 1.2 %", "{row}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let of_accuracy = |other: &mut Results| other.experiment.report.metric = crate::schema::ReportMetric::Accuracy;
    for (found, expected) in [
        (
            comparison(of_accuracy),
            "other: report.metric is accuracy, expected loss as in sample: they cannot be compared",
        ),
        (
            comparison(|other| other.experiment.name = "sample".into()),
            "sample: named twice, expected different experiments",
        ),
    ] {
        assert_eq!(found.unwrap_err().to_string(), expected);
    }
}

/// Writes pages with everything in them below the system's temporary directory, says how long one took.
#[test]
#[ignore = "writes pages to look at in a browser"]
#[expect(clippy::print_stdout, reason = "whoever runs it wants to know where they are")]
fn pages_to_look_at() {
    let directory = std::env::temp_dir().join("ligo-report-pages");
    let labels: Vec<String> = (0..8).map(|index| format!("row-{index}")).collect();
    let mut rows = vec![("scratch", "scratch"), ("ligo", "ligo")];
    rows.extend(labels.iter().map(|label| (label.as_str(), "bert2bert")));
    let mut many = sample::results(&[0, 1, 2], &rows);
    for run in &mut many.methods {
        // About 200 evaluations.
        run.rows = run.rows.iter().flat_map(|row| std::iter::repeat_n(row.clone(), 7)).collect();
    }
    for (name, results) in [("everything", sample::everything()), ("images", sample::images()), ("many", many)] {
        let start = std::time::Instant::now();
        write(&results, &directory.join(name)).unwrap();
        println!("{}: {:.2} s", directory.join(name).display(), start.elapsed().as_secs_f64());
    }
    let mut other = sample::results(&[0, 1], &[("scratch", "scratch"), ("stackbert", "stackbert")]);
    other.experiment.name = "other".into();
    compare(&[sample::irregular(), other], &directory.join("compare")).unwrap();
}

#[test]
fn a_second_scratch_row_carries_its_rate_and_a_reason() {
    let files = report(&sample::quickstart());
    let table = &files["table.md"];
    assert!(table.contains("| scratch (rate 5e-4) | – | – | – |"), "{table}");
    assert!(table.contains("| scratch-best-rate (rate 2e-3) |"), "{table}");
    assert!(table.contains("Growing looks larger the lower the learning rate."), "{table}");
    assert!(!report(&sample::irregular())["table.md"].contains("rate 5e-4"));

    let mut alike = sample::quickstart();
    let rate = alike.experiment.training.learning_rate;
    alike.experiment.methods.iter_mut().for_each(|method| method.training.learning_rate = rate);
    assert!(!report(&alike)["table.md"].contains("Growing looks larger"), "a row that differs in something else");
}

#[test]
fn what_a_row_asks_beside_its_method_stands_under_the_table_and_in_the_summary() {
    let mut results = sample::quickstart();
    let plain = report(&results);
    let asked = toml::toml! {
        optimiser_state = "grown"
        learning_rate_after_growth = "re-warm"
        rewarm_steps = 20
        layer_dropping = { max_rate = 0.1 }
        token_dropping = { share = 0.15 }
        staged_training = { layers = 2, share = 0.125 }
    };
    let row = results.experiment.methods.iter_mut().find(|row| row.label == "ligo").unwrap();
    let mut table = toml::Table::try_from(&*row).unwrap();
    table.extend(asked.clone());
    *row = table.try_into().unwrap();
    let files = report(&results);
    let sentence = "ligo: the optimiser goes on with what it remembered, grown like the weights; growing warms the learning rate up again, \
                    in 20 steps; layers are left out with a probability that rises to 10.0 %; 15.0 % of the tokens skip the middle \
                    layers; the bottom 2 layers are trained first, for 12.5 % of the steps.";
    assert!(files["table.md"].contains(sentence), "{}", files["table.md"]);
    assert!(files["report.html"].contains("ligo: the optimiser goes on"));
    assert!(!plain["table.md"].contains("the optimiser goes on"));

    let strategies = |files: &HashMap<String, String>, label: &str| {
        json(&files["summary.json"])["metrics"][label]["strategies"].as_object().unwrap().clone()
    };
    let keys: Vec<String> = strategies(&files, "ligo").keys().cloned().collect();
    assert_eq!(keys, asked.keys().cloned().collect::<Vec<_>>());
    assert_eq!(strategies(&files, "ligo")["optimiser_state"], "grown");
    assert!(strategies(&files, "direct-copy").is_empty() && strategies(&plain, "ligo").is_empty());
}

#[test]
fn the_terminals_table_is_aligned() {
    insta::assert_snapshot!(terminal_table(&sample::irregular()).unwrap(), @r"
    method                   FLOPs saved                  time saved      final loss             steps to target
    scratch                            –                           –   4.623 ± 0.005                         600
    ligo                    64.0 ± 0.4 %                64.0 ± 0.6 %   4.473 ± 0.005                     213 ± 3
    late <&>   reached with 1 of 2 seeds   reached with 1 of 2 seeds   4.668 ± 0.083   reached with 1 of 2 seeds
    never                    not reached                 not reached   4.933 ± 0.005                 not reached

    Target: the validation loss that scratch ended with, 4.627 ± 0.005 (the mean of its last 3 measurements); each seed has its own target.
    ");
}

#[test]
fn the_summary_is_the_same_when_only_clock_and_machine_differ() {
    let results = sample::irregular();
    let mut slower = results.clone();
    slower.provenance = Provenance { threads: 7, date: "2027-01-01T00:00:00Z".into(), ..slower.provenance };
    for (index, run) in slower.methods.iter_mut().chain(&mut slower.small).enumerate() {
        for row in &mut run.rows {
            row.wall_seconds *= 1.5 + index as f64;
        }
    }
    let [first, second] = [results, slower].map(|results| json(&report(&results)["summary.json"]));
    for key in ["experiment", "title", "seeds", "data", "target", "small", "metrics", "search", "downstream"] {
        assert!(!first[key].is_null(), "{key}");
        assert_eq!(first[key], second[key], "{key}");
    }
    assert_ne!(first["timing"], second["timing"]);
    assert_ne!(first["provenance"], second["provenance"]);
}

#[test]
fn the_summary_has_no_mean_where_a_seed_missed_the_target() {
    let results = sample::irregular();
    let summary = json(&report(&results)["summary.json"]);
    let metrics = &summary["metrics"];
    for (label, reached) in [("scratch", 2), ("ligo", 2), ("late <&>", 1), ("never", 0)] {
        let row = &metrics[label];
        assert_eq!(row["reached_target"], reached, "{label}");
        assert_eq!(row["flops_saved"]["mean"].is_null(), reached < 2, "{label}");
        assert_eq!(
            row["flops_saved"]["per_seed"].as_array().unwrap().iter().filter(|saved| !saved.is_null()).count(),
            reached
        );
        assert_eq!(summary["timing"][label]["wall_time_saved"]["mean"].is_null(), reached < 2, "{label}");
    }
    let ends: Vec<f64> = results
        .methods
        .iter()
        .filter(|run| run.label == "ligo")
        .map(|run| run.rows.last().unwrap().validation_loss)
        .collect();
    let loss = &metrics["ligo"]["final_validation_loss"];
    assert_eq!(loss["per_seed"], serde_json::json!(ends));
    let (mean, sd) = ((ends[0] + ends[1]) / 2.0, (ends[0] - ends[1]).abs() / 2f64.sqrt());
    assert!((loss["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!((loss["sd"].as_f64().unwrap() - sd).abs() < 1e-12);
    assert_eq!(metrics["ligo"]["operator_loss"].as_array().unwrap().len(), 2);
}

#[test]
fn charging_the_small_model_costs_the_methods_that_grow_it_and_no_other() {
    let metrics = &json(&report(&sample::quickstart())["summary.json"])["metrics"];
    for (label, grows) in [("scratch-best-rate", false), ("stackbert", false), ("bert2bert", true), ("ligo", true)] {
        let saved = |key: &str| metrics[label][key]["mean"].as_f64().unwrap();
        let (given, charged) = (saved("flops_saved"), saved("flops_saved_small_model_charged"));
        assert_eq!(charged < given, grows, "{label}: {given} given, {charged} charged");
    }
}

#[test]
fn what_a_checkpoint_cost_is_not_known_rather_than_nothing() {
    let mut results = sample::quickstart();
    results.small.clear();
    for run in &mut results.methods {
        run.checkpoint = run.small.take().map(|_| "owner/name".into());
    }
    let files = report(&results);
    let metrics = &json(&files["summary.json"])["metrics"];
    let row = |label: &str| files["table.md"].lines().find(|line| line.starts_with(&format!("| {label}"))).unwrap();
    for (label, grows) in [("stackbert", false), ("bert2bert", true), ("ligo", true)] {
        assert!(metrics[label]["flops_saved"]["mean"].is_f64(), "{label}");
        assert_eq!(metrics[label]["flops_saved_small_model_charged"]["mean"].is_null(), grows, "{label}");
        assert_eq!(row(label).contains("| not known |"), grows, "{}", row(label));
    }
}

#[test]
fn without_a_run_of_the_reference_nothing_is_compared() {
    let mut results = sample::irregular();
    results.methods.retain(|run| run.label != "scratch");
    let files = report(&results);
    assert!(files["table.md"].contains("| ligo | –<br>"), "{}", files["table.md"]);
    assert!(!files["table.md"].contains("reached with"));
    assert_eq!(json(&files["summary.json"])["metrics"]["ligo"]["flops_saved"]["mean"], serde_json::Value::Null);
}

/// Tags of a document, name and attributes, checked to be balanced and their attributes quoted.
fn tags(document: &str, void: &[&str]) -> Vec<(String, String)> {
    let (mut open, mut tags) = (Vec::new(), Vec::new());
    let mut rest = document;
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        assert!(!text.contains('>') || open.last().is_some_and(|name| name == "style"), "a bare > in {text:?}");
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().unwrap();
            assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "&{entity:?}");
        }
        let end = start + rest[start..].find('>').expect("a tag that ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let at_once = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        assert!(!name.is_empty() && name.chars().all(char::is_alphanumeric), "<{tag}>");
        assert!(attributes.matches('"').count().is_multiple_of(2), "<{tag}>");
        assert_eq!(attributes.matches("=\"").count(), attributes.matches('"').count() / 2, "<{tag}>");
        tags.push((name.to_owned(), attributes.to_owned()));
        if !at_once && !void.contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new());
    tags
}

fn attribute(attributes: &str, name: &str) -> f64 {
    let value = attributes.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split_once('"')).unwrap().0;
    value.parse().unwrap()
}

#[test]
fn figures_are_well_formed_and_no_label_covers_another() {
    let many: Vec<(String, &str)> = (0..12).map(|index| (format!("row-{index}"), "bert2bert")).collect();
    let mut rows = vec![("scratch", "scratch"), ("never", "never")];
    rows.extend(many.iter().map(|(label, method)| (label.as_str(), *method)));
    for results in [sample::irregular(), sample::quickstart(), sample::results(&[3], &rows)] {
        let files = report(&results);
        let labels: std::collections::HashSet<&str> = results.methods.iter().map(|run| run.label.as_str()).collect();
        for (name, svg) in files.iter().filter(|(name, _)| name.ends_with(".svg") && name.starts_with("loss-")) {
            let mut places: Vec<f64> = tags(svg, &[])
                .iter()
                .filter(|(tag, attributes)| tag == "text" && attributes.contains("class=\"label\""))
                .map(|(_, attributes)| attribute(attributes, "y"))
                .collect();
            places.sort_by(f64::total_cmp);
            assert_eq!(places.len(), labels.len(), "{name}");
            assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 30.0), "{name}: {places:?}");
            let height = attribute(svg, "height");
            assert!(places.iter().all(|place| (14.0..=height - 16.0).contains(place)), "{name}: {places:?}");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
            assert!(!svg.contains("var(--"), "{name}: a file's colours stand by themselves");
        }
    }
}

#[test]
fn the_page_is_well_formed_escaped_and_asks_nobody_for_anything() {
    let page = &report(&sample::irregular())["report.html"];
    let tags = tags(page, &["meta", "link"]);
    assert!(page.contains("<h1>Growing &lt;b&gt;bold&lt;/b&gt; &amp; &quot;quoted&quot; | models</h1>"));
    for (tag, attributes) in &tags {
        assert!(!["b", "script", "img", "iframe", "object"].contains(&tag.as_str()), "<{tag} {attributes}>");
        for reference in ["src=\"", "href=\""] {
            for value in attributes.split(reference).skip(1) {
                assert!(value.starts_with('#') || value.starts_with("data:"), "<{tag} {attributes}>");
            }
        }
    }
    assert!(!page.contains("url(http") && !page.contains("@import"));
    for part in [
        "late &lt;&amp;&gt;",
        "&lt;script&gt;",
        "Some CPU &lt;16 cores&gt;",
        "paper: 22.5\u{a0}%",
        "prefers-color-scheme",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let distinct: std::collections::HashSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_that_names_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let message = format!("{:#}", write(&sample::irregular(), &file).unwrap_err());
    assert!(message.contains("a-file: cannot create the directory: "), "{message}");
}
