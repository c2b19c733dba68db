//! All that a command has measured: printed as it comes, summed up and kept at the end.

use super::bars::{Bar, summary};
use super::roofline;
use super::saved::{Saved, is_slower};
use super::table::{Group, Point, Row, milliseconds};
use crate::flags::BenchTurns;
use crate::output::{note, say};
use anyhow::{Context, Result};
use ligo_bench::Peaks;
use ligo_experiment::Provenance;
use ligo_files::{FileError, replace_file};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(super) struct Book {
    json: bool,
    save: Option<PathBuf>,
    out: Option<PathBuf>,
    against: Option<Saved>,
    lines: Vec<Value>,
    tables: Vec<String>,
    bars: Vec<Bar>,
    points: Vec<Point>,
    slower: Vec<String>,
}

impl Book {
    /// Empty; reads what it is to be compared with.
    pub(super) fn open(flags: &BenchTurns) -> Result<Self> {
        Ok(Self {
            json: flags.json,
            save: flags.save.clone(),
            out: flags.out.clone(),
            against: flags.against.as_deref().map(Saved::read).transpose()?,
            lines: Vec::new(),
            tables: Vec::new(),
            bars: Vec::new(),
            points: Vec::new(),
            slower: Vec::new(),
        })
    }

    /// Prints what was measured, and keeps it for the end.
    pub(super) fn add(&mut self, group: Group, peaks: Option<Peaks>, machine: &Provenance) -> Result<()> {
        for row in &group.rows {
            let line = line(&group, row, peaks, machine);
            if self.json {
                say(line.to_string())?;
            }
            self.lines.push(line);
        }
        if !self.json {
            say(group.text(&|group, row| self.beside(group, row)))?;
        }
        for row in &group.rows {
            let then = self.against.as_ref().and_then(|saved| saved.of(group.bench, &group.what, row.who));
            if let Some(then) = then.filter(|then| is_slower(&row.measured, then)) {
                let (now, then) = (row.measured.seconds, then.seconds);
                self.slower.push(format!(
                    "\n  {}, {}, {}: {} ms, was {} ({:.2} times)",
                    group.bench,
                    group.what,
                    row.who,
                    milliseconds(now),
                    milliseconds(then),
                    now / then
                ));
            }
        }
        self.tables.push(group.markdown());
        self.bars.extend(group.bars);
        self.points.extend(group.point);
        Ok(())
    }

    fn beside(&self, group: &Group, row: &Row) -> String {
        let Some(saved) = &self.against else { return String::new() };
        match saved.of(group.bench, &group.what, row.who) {
            Some(then) => {
                format!("   was {}, {:.2} times", milliseconds(then.seconds), row.measured.seconds / then.seconds)
            }
            None => "   was not measured".into(),
        }
    }

    /// Says which bars are missed and what got slower, and writes the files that are asked for.
    pub(super) fn close(&self, peaks: Option<Peaks>, machine: &str) -> Result<()> {
        let slower = match (&self.against, self.slower.is_empty()) {
            (None, _) => String::new(),
            (Some(_), true) => "nothing got slower than the turns differ".into(),
            (Some(_), false) => format!("slower than the turns differ:{}", self.slower.concat()),
        };
        if !self.json {
            let last = [summary(&self.bars), slower].into_iter().filter(|text| !text.is_empty());
            say(last.collect::<Vec<_>>().join("\n"))?;
        }
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        if let Some(path) = &self.save {
            write(path, &lines)?;
        }
        let Some(directory) = &self.out else { return Ok(()) };
        let table = format!("# Speed and memory\n\n{machine}\n\n{}\n{}\n", self.tables.join("\n"), summary(&self.bars));
        write(&directory.join("table.md"), &table)?;
        let all = serde_json::to_string_pretty(&self.lines).context("figures.json")?;
        write(&directory.join("figures.json"), &format!("{all}\n"))?;
        match peaks.filter(|_| !self.points.is_empty()) {
            Some(peaks) => {
                write(&directory.join("roofline.svg"), &roofline::draw(peaks, &self.points, &roofline::LIGHT))?;
                write(&directory.join("roofline-dark.svg"), &roofline::draw(peaks, &self.points, &roofline::DARK))
            }
            None => {
                note("no roofline chart: nothing was measured that has a place on it");
                Ok(())
            }
        }
    }
}

/// A row for machines: what names it first, then what is particular to the subcommand.
fn line(group: &Group, row: &Row, peaks: Option<Peaks>, machine: &Provenance) -> Value {
    let mut line = json!({ "bench": group.bench, "what": group.what, "who": row.who });
    if let (Value::Object(line), Value::Object(details)) = (&mut line, &row.details) {
        line.extend(details.clone());
        line.insert("measured".into(), json!(row.measured));
        if let Some(peaks) = peaks {
            line.insert("machine".into(), json!(peaks));
        }
        line.insert("provenance".into(), json!(machine));
    }
    line
}

fn write(path: &Path, text: &str) -> Result<()> {
    replace_file(path, |file| file.write_all(text.as_bytes()).map_err(FileError::at("write", path)))?;
    Ok(())
}
