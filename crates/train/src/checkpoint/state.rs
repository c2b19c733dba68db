//! What a stage has to know, beside its tensors, to go on as if it had never stopped.

use crate::{Cost, MetricRow, StagePlan};
use ligo_models::ParamSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Raised when an older checkpoint can no longer be read.
const FORMAT: u32 = 2;

/// Where a stage stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Steps done.
    pub(crate) step: u64,
    /// Tokens seen.
    pub(crate) tokens: u64,
    /// FLOPs beside `step · flops_per_step`: below 0 where steps left something out.
    pub(crate) flops_beside: f64,
    /// Seconds spent on steps.
    pub(crate) wall_seconds: f64,
    /// Sum of the training losses since the last row.
    pub(crate) loss_sum: f64,
    /// Number of them.
    pub(crate) losses: u64,
    /// The evaluations so far.
    pub(crate) rows: Vec<MetricRow>,
}

impl State {
    /// What the stage alone has cost.
    pub(crate) fn cost(&self, plan: &StagePlan) -> Cost {
        Cost {
            steps: self.step,
            tokens: self.tokens,
            flops: self.step as f64 * plan.flops_per_step + self.flops_beside,
            wall_seconds: self.wall_seconds,
        }
    }
}

/// Everything that fixes what a stage computes: what a checkpoint has to have been made for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Plan(Value);

impl Plan {
    /// Seconds and the cadence of checkpoints are left out: they change no bit. `optimiser_steps`: those that the optimiser had seen
    /// before the stage.
    pub(crate) fn new(plan: &StagePlan, optimiser_steps: u64, specs: &[ParamSpec]) -> Self {
        let StagePlan {
            stage,
            config,
            schedule_from,
            rate,
            steps,
            flops_per_step,
            before,
            evaluate_every,
            seed,
            inputs,
            ..
        } = plan;
        let tensors: Vec<Value> = specs.iter().map(|spec| json!([spec.name, spec.shape, spec.decay])).collect();
        Self(json!({
            "format": FORMAT,
            "stage": stage,
            "training": config,
            "schedule_from": schedule_from,
            "rate": rate,
            "optimiser_steps": optimiser_steps,
            "steps": steps,
            "flops_per_step": flops_per_step,
            "before": { "steps": before.steps, "tokens": before.tokens, "flops": before.flops },
            "evaluate_every": evaluate_every,
            "seed": seed,
            "inputs": inputs,
            "tensors": tensors,
        }))
    }

    /// The first thing in which `theirs` differs from this one.
    pub(crate) fn difference(&self, theirs: &Self) -> Option<String> {
        difference("", &self.0, &theirs.0)
    }
}

fn difference(key: &str, ours: &Value, theirs: &Value) -> Option<String> {
    let under = |inner: &str| if key.is_empty() { inner.to_owned() } else { format!("{key}.{inner}") };
    match (ours, theirs) {
        _ if ours == theirs => None,
        (Value::Object(ours), Value::Object(theirs)) => {
            let added = theirs.keys().filter(|key| !ours.contains_key(*key));
            ours.keys().chain(added).find_map(|inner| {
                let [ours, theirs] = [ours, theirs].map(|map| map.get(inner).unwrap_or(&Value::Null));
                difference(&under(inner), ours, theirs)
            })
        }
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            (0..ours.len()).find_map(|i| difference(&under(&i.to_string()), &ours[i], &theirs[i]))
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            Some(format!("it has {} {key} where this run has {}", theirs.len(), ours.len()))
        }
        _ => Some(format!("its {key} is {theirs}, this run's {ours}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_goes_through_json_without_losing_a_bit() {
        let tricky = [0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE, 5e-324, 1.0e18 + 512.0, f64::from(0.1_f32), -0.0];
        for value in tricky {
            let row = MetricRow {
                stage: "train".into(),
                step: 3,
                total_steps: u64::MAX,
                tokens: 1 << 53 | 1,
                flops: value,
                wall_seconds: value,
                learning_rate: value,
                train_loss: Some(value),
                validation_loss: value,
                validation_accuracy: Some(value),
            };
            let state = State {
                step: 3,
                tokens: 7,
                flops_beside: value,
                wall_seconds: value,
                loss_sum: value,
                losses: 2,
                rows: vec![row],
            };
            let back: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
            assert_eq!(back, state);
            assert_eq!(back.loss_sum.to_bits(), value.to_bits());
        }
    }
}
