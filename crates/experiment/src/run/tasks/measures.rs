//! The measures of a tuned model in the order in which tables have them.

use crate::schema::TaskKind;
use ligo_downstream::Scores;
use ligo_eval::metrics::Metric;

/// Every measure by its name, the one that the paper prints first; the task's own score among them where it is a mean.
pub(super) fn measures(task: TaskKind, scores: &Scores) -> Vec<(String, f64)> {
    let own_split = scores.metrics.first().map(|measured| measured.split.as_str()).unwrap_or_default();
    let mut measures: Vec<(String, f64)> = scores
        .metrics
        .iter()
        .map(|measured| match measured.split == own_split {
            true => (measured.name.clone(), measured.value),
            false => (format!("{} ({})", measured.name, measured.split), measured.value),
        })
        .collect();
    let heading = match (task.glue(), task.squad()) {
        (Some(glue), _) => glue.heading_metric(),
        (None, Some(_)) => Some(Metric::F1),
        (None, None) => Some(Metric::Accuracy),
    };
    if let Some(place) = measures.iter().position(|(name, _)| heading.is_some_and(|metric| metric.name() == name)) {
        measures[..=place].rotate_right(1);
    }
    if task.glue().is_some_and(|glue| glue.facts().metrics.len() > 1) {
        measures.push(("score".into(), scores.own));
        if heading.is_none() {
            measures.rotate_right(1);
        }
    }
    measures
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_downstream::Measured;
    use ligo_train::Cost;

    #[test]
    fn the_papers_measure_is_found_by_its_name_whatever_the_values_are() {
        let cases: [(TaskKind, &[&str], &[&str]); 5] = [
            (TaskKind::Cola, &["Matthews", "accuracy"], &["accuracy", "Matthews"]),
            (TaskKind::Mrpc, &["accuracy", "F1"], &["accuracy", "F1", "score"]),
            (TaskKind::Stsb, &["Pearson", "Spearman"], &["score", "Pearson", "Spearman"]),
            (TaskKind::SquadV2, &["F1", "exact match"], &["F1", "exact match"]),
            (TaskKind::Images, &["accuracy"], &["accuracy"]),
        ];
        for (task, names, expected) in cases {
            let measured = |name: &&str| Measured { split: "validation".into(), name: (*name).into(), value: 0.5 };
            let scores = Scores {
                task: String::new(),
                metrics: names.iter().map(measured).collect(),
                heading: Some(0.5),
                own: 0.5,
                examples: 1,
                evaluated: 1,
                trained_parameters: 1,
                parameters: 1,
                cost: Cost::default(),
                rows: Vec::new(),
            };
            let found = measures(task, &scores);
            assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), expected, "{task:?}");
        }
    }
}
