//! BERT-Small grown to BERT-Base: Tables 1, 3, 5, 6 and Figures 2a, 5 of the paper (PAPER.md 2.1, 2.2, 2.6 to 2.9). Scores in
//! percent, savings as shares; every GLUE column is headed "Acc.".

use super::PaperRow;

/// Keys of GLUE's tasks, in the order of the tables.
pub(super) const GLUE: [&str; 7] = ["sst2", "mnli", "mrpc", "cola", "qnli", "qqp", "stsb"];
/// Keys of SQuAD 1.1 and 2.0.
pub(super) const SQUAD: [&str; 2] = ["squad1", "squad2"];

/// A row of Table 1: GLUE, then F1 and exact match of both SQuADs.
const fn row(method: &'static str, savings: Option<(f64, f64)>, glue: [f64; 7], squad: [(f64, f64); 2]) -> PaperRow {
    PaperRow { method, savings, glue, squad, averages: None, transfer: [0.0; 6] }
}

/// Table 1.
pub(super) const TABLE_1: [PaperRow; 6] = [
    row("scratch", None, [88.19, 78.43, 85.78, 62.09, 87.06, 87.18, 86.99], [(86.55, 77.31), (71.31, 67.07)])
        .averaging(82.25, (78.79, 72.19)),
    row(
        "stackbert",
        Some((0.341, 0.333)),
        [88.99, 79.72, 85.29, 59.09, 87.28, 89.17, 86.97],
        [(86.50, 77.42), (71.32, 67.41)],
    )
    .averaging(82.36, (78.91, 72.41)),
    row(
        "mslt",
        Some((0.349, 0.300)),
        [88.53, 78.10, 82.60, 64.76, 83.58, 88.54, 85.89],
        [(86.07, 76.73), (70.68, 67.17)],
    )
    .averaging(81.72, (78.47, 71.95)),
    row(
        "ki",
        Some((-0.057, -0.139)),
        [88.65, 78.83, 83.50, 64.86, 86.25, 88.96, 87.09],
        [(84.93, 76.29), (71.09, 67.41)],
    )
    .averaging(82.59, (78.01, 71.85)),
    row(
        "bert2bert",
        Some((0.290, 0.251)),
        [88.30, 80.05, 85.54, 61.73, 88.16, 86.18, 87.00],
        [(86.24, 77.09), (71.52, 66.85)],
    )
    .averaging(82.42, (78.88, 71.97)),
    row(
        "ligo",
        Some((0.447, 0.407)),
        [88.42, 79.29, 84.31, 62.09, 88.07, 88.81, 87.00],
        [(86.28, 77.45), (71.24, 67.17)],
    )
    .averaging(82.57, (78.76, 72.31)),
];

/// Table 6: AdapterFusion in place of full fine-tuning; method, GLUE's tasks, their mean. LiGO's wall time is printed as
/// 40.5 % there, 40.7 % in Table 1.
pub(super) const TABLE_6: [(&str, [f64; 7], f64); 6] = [
    ("scratch", [88.41, 78.60, 86.02, 62.39, 87.62, 88.02, 86.52], 82.51),
    ("stackbert", [88.78, 79.80, 85.43, 59.56, 87.71, 89.19, 86.27], 82.39),
    ("mslt", [88.41, 78.35, 83.15, 63.97, 86.19, 88.20, 86.42], 82.10),
    ("ki", [88.94, 78.84, 84.00, 64.61, 86.75, 88.19, 87.93], 82.75),
    ("bert2bert", [88.47, 80.53, 85.50, 62.33, 88.57, 86.72, 87.10], 82.75),
    ("ligo", [88.45, 80.01, 84.67, 63.05, 88.06, 88.92, 87.00], 82.88),
];

/// Table 5: fine-tuning without further pretraining; what, GLUE's tasks, their mean.
pub(super) const TABLE_5: [(&str, [f64; 7], f64); 4] = [
    ("BERT-Small, from scratch", [87.21, 77.56, 82.11, 59.93, 85.06, 85.82, 84.99], 80.38),
    ("BERT-Base as LiGO begins it", [88.15, 77.62, 82.53, 60.70, 85.79, 86.65, 85.83], 81.04),
    ("BERT-Base, LiGO and pretraining", [88.42, 79.29, 84.31, 62.09, 88.07, 88.81, 87.00], 82.57),
    ("BERT-Base, from scratch", [88.19, 78.43, 85.78, 62.09, 87.06, 87.18, 86.99], 82.25),
];
/// The small model's row of Table 5, by its place.
pub(super) const SMALL: usize = 0;
/// LiGO's row of Table 5 that is not trained on, by its place.
pub(super) const UNTRAINED: usize = 1;

/// Table 3: steps of the operator, FLOPs that they add, share of FLOPs saved.
pub(super) const TABLE_3: [(i64, f64, f64); 4] =
    [(100, 3.61e15, 0.447), (500, 18.06e15, 0.445), (1000, 36.13e15, 0.442), (10_000, 361.30e15, 0.389)];

/// Figure 5: the share of FLOPs that a strategy saves on top of LiGO, by its key in an experiment file.
pub(super) const FIGURE_5: [(&str, &str, f64); 3] = [
    ("layer_dropping", "layer dropping", 0.047),
    ("token_dropping", "token dropping", 0.074),
    ("staged_training", "staged training", 0.082),
];

/// Figure 2a: where the curves end after 400,000 steps, in log perplexity, read off the figure; the target is 1.80.
pub(super) const ENDS: [(&str, f64); 4] =
    [("scratch", 1.794), ("stackbert", 1.73), ("bert2bert", 1.742), ("ligo", 1.718)];
