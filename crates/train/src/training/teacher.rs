//! Knowledge inheritance (Qin et al. 2021): the small model's part in the loss.

use ligo_growth::Distillation;
use ligo_kernels::Kernels;
use ligo_models::{Model, Parameters};

/// A model that teaches; it is not trained.
#[derive(Debug, Clone)]
pub struct Teacher<D: Kernels> {
    /// The architecture.
    pub model: Model,
    /// Its weights.
    pub parameters: Parameters<D>,
}

/// r at step `step` of the schedule: `max(0, 1 − step / until)`; none where it is 0 and the teacher is not asked.
pub(super) fn share(distillation: &Distillation, step: u64) -> Option<f32> {
    (step < distillation.until).then(|| (1.0 - step as f64 / distillation.until as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_teachers_share_falls_to_nothing() {
        let teaching = Distillation { temperature: 2.0, until: 4 };
        let found: Vec<_> = (0..6).map(|step| share(&teaching, step)).collect();
        assert_eq!(found, [Some(1.0), Some(0.75), Some(0.5), Some(0.25), None, None]);
        assert_eq!(share(&Distillation { until: 0, ..teaching }, 0), None);
    }
}
