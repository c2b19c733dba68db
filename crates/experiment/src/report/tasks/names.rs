//! Tasks and measures by the names that experiment files and records give them, and how tables write them.

use crate::schema::TaskKind;
use ligo_eval::metrics::squad::Squad;

/// A task as tables write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// What the paper's tables know it by; empty if they do not.
    pub(super) key: &'static str,
    pub(super) name: String,
    pub(super) group: Group,
}

/// Which tasks have an average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Those of GLUE that the paper has.
    Glue,
    /// Both SQuADs.
    Squad,
    /// Everything else.
    Other,
}

/// Labels without what is no letter or digit, key, name, group.
const TASKS: [(&[&str], &str, &str, Group); 16] = [
    (&["sst2"], "sst2", "SST-2", Group::Glue),
    (&["mnli"], "mnli", "MNLI", Group::Glue),
    (&["mrpc"], "mrpc", "MRPC", Group::Glue),
    (&["cola"], "cola", "CoLA", Group::Glue),
    (&["qnli"], "qnli", "QNLI", Group::Glue),
    (&["qqp"], "qqp", "QQP", Group::Glue),
    (&["stsb"], "stsb", "STS-B", Group::Glue),
    (&["rte"], "rte", "RTE", Group::Other),
    (&["wnli"], "wnli", "WNLI", Group::Other),
    (&["squad", "squadv1", "squad1", "squad11", "squadv11"], "squad1", "SQuAD 1.1", Group::Squad),
    (&["squadv2", "squad2", "squad20", "squadv20"], "squad2", "SQuAD 2.0", Group::Squad),
    (&["cifar10"], "cifar10", "CIFAR-10", Group::Other),
    (&["cifar100"], "cifar100", "CIFAR-100", Group::Other),
    (&["flowers", "flowers102", "oxfordflowers"], "flowers", "Flowers", Group::Other),
    (&["cars", "stanfordcars"], "cars", "Cars", Group::Other),
    (&["chestxray8", "chestxray"], "chestxray8", "ChestXRay8", Group::Other),
];

impl Task {
    /// Of a task of this kind and label. One that is labelled otherwise than its kind is another set of data: it goes by its label.
    pub(super) fn of(kind: TaskKind, label: &str) -> Self {
        let plain: String = label.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let known = TASKS.iter().find(|(labels, ..)| labels.contains(&plain.as_str()));
        match known.filter(|(_, key, ..)| is_own(kind, key)) {
            Some(&(_, key, name, group)) => Self { key, name: name.into(), group },
            None => Self { key: "", name: label.into(), group: Group::Other },
        }
    }
}

/// Whether a task of that kind can be what the tables know by `key`. What the images of a set are its label says alone.
fn is_own(kind: TaskKind, key: &str) -> bool {
    match (kind.glue(), kind.squad()) {
        (Some(glue), _) => glue.facts().config == key,
        (None, Some(Squad::V1)) => key == "squad1",
        (None, Some(Squad::V2)) => key == "squad2",
        (None, None) => kind == TaskKind::Images,
    }
}

/// A name with the way of measuring, where that is not the usual one.
pub(super) fn with_way(name: &str, way: &str) -> String {
    match way {
        "full" => name.into(),
        "knn" => format!("{name}, k-NN"),
        other => format!("{name}, {}", other.replace(['-', '_'], " ")),
    }
}

/// A measure.
pub(super) fn measure(name: &str) -> String {
    match name {
        "f1" => "F1".into(),
        "exact" | "em" => "exact match".into(),
        "matthews" | "pearson" | "spearman" => name[..1].to_uppercase() + &name[1..],
        other => other.replace(['-', '_'], " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_any_spelling_find_their_task_and_other_data_go_by_their_label() {
        for (kind, label, key, name) in [
            (TaskKind::Sst2, "SST-2", "sst2", "SST-2"),
            (TaskKind::Squad, "squad", "squad1", "SQuAD 1.1"),
            (TaskKind::SquadV2, "squad_v2", "squad2", "SQuAD 2.0"),
            (TaskKind::SquadV2, "squad-v2", "squad2", "SQuAD 2.0"),
            (TaskKind::Images, "cifar100", "cifar100", "CIFAR-100"),
            (TaskKind::Texts, "movie-reviews", "", "movie-reviews"),
            (TaskKind::Texts, "sst2", "", "sst2"),
            (TaskKind::Sst2, "sst2-sentences", "", "sst2-sentences"),
            (TaskKind::Sst2, "cola", "", "cola"),
        ] {
            let found = Task::of(kind, label);
            assert_eq!((found.key, found.name.as_str()), (key, name), "{label}");
        }
    }

    #[test]
    fn measures_and_ways_read_like_words() {
        assert_eq!(
            ["matthews", "f1", "exact_match", "accuracy"].map(measure),
            ["Matthews", "F1", "exact match", "accuracy"]
        );
        assert_eq!(with_way("Cars", "linear-probe"), "Cars, linear probe");
        assert_eq!(with_way("Cars", "full"), "Cars");
    }
}
