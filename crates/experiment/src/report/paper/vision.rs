//! DeiT-S grown to DeiT-B: Table 2 of the paper (PAPER.md 2.4). Scores in percent, savings as shares.

use super::PaperRow;

/// Keys of the sets that are transferred to, in the order of the table; the first column is ImageNet itself.
pub(super) const SETS: [&str; 6] = ["imagenet", "cifar10", "cifar100", "flowers", "cars", "chestxray8"];

const fn row(method: &'static str, savings: Option<(f64, f64)>, transfer: [f64; 6]) -> PaperRow {
    PaperRow { method, savings, glue: [0.0; 7], squad: [(0.0, 0.0); 2], averages: None, transfer }
}

/// Table 2.
pub(super) const TABLE_2: [PaperRow; 6] = [
    row("scratch", None, [81.10, 99.09, 90.76, 97.79, 92.06, 55.81]),
    row("stackbert", Some((0.238, 0.151)), [81.21, 99.11, 90.80, 97.56, 92.09, 55.77]),
    row("mslt", Some((0.367, 0.289)), [81.27, 99.07, 90.21, 97.71, 92.11, 55.79]),
    row("ki", Some((-0.112, -0.368)), [81.01, 98.94, 90.32, 97.81, 92.08, 55.80]),
    row("bert2bert", Some((0.408, 0.370)), [81.59, 99.14, 90.69, 97.67, 92.15, 55.82]),
    row("ligo", Some((0.554, 0.520)), [81.71, 99.12, 90.74, 97.77, 92.09, 55.82]),
];
