//! What a stage computes and what it reports.

use super::*;

#[test]
fn there_is_a_row_at_the_start_every_so_often_and_at_the_end_with_the_costs_of_all_stages() {
    let setting = setting();
    let directory = tempfile::tempdir().unwrap();
    let watch = Watch::default();
    let (outcome, _) = setting.run(directory.path(), &watch).unwrap();
    let StageOutcome::Finished(result) = outcome else { panic!("it was stopped") };
    let StagePlan { before, flops_per_step, config, .. } = &setting.plan;
    let reports = watch.steps.into_inner().unwrap();
    assert_eq!(result.rows.iter().map(|row| row.step).collect::<Vec<_>>(), [0, 3, 6, 7]);
    let mut previous = 0;
    for row in &result.rows {
        assert_eq!((row.stage.as_str(), row.total_steps), ("train", 5 + row.step));
        assert_eq!(row.tokens, 1000 + row.step * 24);
        assert_eq!(row.flops, before.flops + row.step as f64 * flops_per_step);
        let steps = &reports[previous..row.step as usize];
        let mean = steps.iter().map(|report| f64::from(report.loss)).sum::<f64>() / steps.len() as f64;
        match (row.step, row.train_loss) {
            (0, loss) => assert_eq!((loss, row.learning_rate), (None, 0.0)),
            (step, loss) => {
                assert!((loss.unwrap() - mean).abs() < 1e-6, "step {step}: {loss:?}, not {mean}");
                assert_eq!(row.learning_rate, config.learning_rate_at(step - 1));
            }
        }
        previous = row.step as usize;
    }
    let cost = result.cost;
    assert_eq!((cost.steps, cost.tokens, cost.flops), (7, 168, 7.0 * flops_per_step));
}

#[test]
fn training_lowers_the_loss_of_what_it_trains_on() {
    let setting = Setting { validation: vec![batch(0, 0)], ..setting() };
    let directory = tempfile::tempdir().unwrap();
    let same = |_, _| micro_batch(0, 0);
    let outcome = setting.train(&mut setting.objective(), &same, directory.path(), &Watch::default()).unwrap();
    let StageOutcome::Finished(StageResult { rows, .. }) = outcome else { panic!("it was stopped") };
    let (first, last) = (rows[0].validation_loss, rows[3].validation_loss);
    assert!((first - 13f64.ln()).abs() < 0.1, "a fresh model knows nothing: {first}");
    assert!(last < first - 0.05, "{first} to {last}");
}

#[test]
fn a_step_of_micro_batches_is_a_step_of_the_whole_batch_however_the_labels_are_spread() {
    let parts = Setting { dropout: 0.0, ..setting() };
    let mut whole = Setting { dropout: 0.0, ..setting() };
    whole.plan.config.accumulate = 1;
    let joined = |step, _| {
        let parts = [batch(step, 0), batch(step, 1)].map(|batch| (batch.inputs, batch.targets));
        let [(Inputs::Tokens(mut a), Targets::Tokens(mut to)), (Inputs::Tokens(b), Targets::Tokens(more))] = parts
        else {
            panic!("tokens with targets")
        };
        a.input_ids.extend(b.input_ids);
        a.batch_size += b.batch_size;
        to.extend(more);
        Ok(Batch::tokens(a, to))
    };
    let end = |setting: &Setting, batches: &dyn BatchSource| {
        let mut objective = setting.objective();
        let directory = tempfile::tempdir().unwrap();
        let outcome = setting.train(&mut objective, batches, directory.path(), &Watch::default()).unwrap();
        End::of(outcome, &objective)
    };
    let (parts, whole) = (end(&parts, &micro_batch), end(&whole, &joined));
    for (a, b) in parts.rows.iter().zip(&whole.rows) {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-4;
        assert!(close(a.validation_loss, b.validation_loss), "{} {}", a.validation_loss, b.validation_loss);
        assert!(close(a.train_loss.unwrap_or(0.0), b.train_loss.unwrap_or(0.0)));
    }
}

#[test]
fn the_validation_loss_is_a_mean_over_positions_not_over_batches() {
    let setting = Setting { plan: StagePlan { steps: 0, ..setting().plan }, dropout: 0.0, ..setting() };
    let loss = |validation: Vec<Batch>| {
        let setting = Setting { validation, plan: setting.plan.clone(), dropout: 0.0 };
        setting.undisturbed().rows[0].validation_loss
    };
    let (full, sparse) = (loss(vec![batch(1, 0)]), loss(vec![batch(2, 1)]));
    let both = loss(vec![batch(1, 0), batch(2, 1)]);
    let expected = (12.0 * full + 4.0 * sparse) / 16.0;
    assert!((both - expected).abs() < 1e-9, "{both}, not {expected}");
}

#[test]
fn the_part_of_the_schedule_decides_rates_and_batches_and_the_stage_decides_the_masks() {
    let whole = setting().undisturbed();
    let mut later = setting();
    later.plan.schedule_from = 2;
    let asked = Mutex::new(Vec::new());
    let source = |step, micro| {
        asked.lock().unwrap().push((step, micro));
        micro_batch(step, micro)
    };
    let directory = tempfile::tempdir().unwrap();
    later.plan.steps = 2;
    let watch = Watch::default();
    later.train(&mut later.objective(), &source, directory.path(), &watch).unwrap();
    assert_eq!(asked.into_inner().unwrap(), [(2, 0), (2, 1), (3, 0), (3, 1)]);
    let rates: Vec<f32> = watch.steps.into_inner().unwrap().iter().map(|report| report.learning_rate).collect();
    assert_eq!(rates, [2, 3].map(|step| later.plan.config.learning_rate_at(step) as f32));

    for (what, change) in [("name", "stage"), ("seed", "seed")] {
        let mut other = setting();
        match change {
            "stage" => other.plan.stage = "again".into(),
            _ => other.plan.seed += 1,
        }
        assert_ne!(other.undisturbed().weights, whole.weights, "another {what} has other masks");
    }
}

#[test]
fn the_average_of_the_weights_is_what_is_evaluated_and_what_the_stage_ends_with() {
    let setting = averaging();
    let decay = setting.plan.config.ema_decay.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (outcome, objective) = setting.run(directory.path(), &Watch::default()).unwrap();
    let StageOutcome::Finished(StageResult { rows, .. }) = outcome else { panic!("it was stopped") };

    // The steps are those of a stage without an average.
    let plain = |steps| {
        let mut plain = super::setting();
        plain.plan.steps = steps;
        let (outcome, objective) = plain.run(tempfile::tempdir().unwrap().path(), &Watch::default()).unwrap();
        let StageOutcome::Finished(StageResult { rows, .. }) = outcome else { panic!("it was stopped") };
        (rows, objective.parameters.tensors().iter().flat_map(|tensor| tensor.as_vec()).collect::<Vec<f32>>())
    };
    let (plain_rows, _) = plain(7);
    for (row, plain) in rows.iter().zip(&plain_rows) {
        assert_eq!((row.step, row.train_loss), (plain.step, plain.train_loss));
        assert_eq!(row.validation_loss == plain.validation_loss, row.step == 0, "step {}", row.step);
        assert_eq!(row.validation_accuracy, None, "tokens are no classes");
    }

    let mut average: Vec<f64> = plain(0).1.into_iter().map(f64::from).collect();
    for step in 1..=7 {
        average.iter_mut().zip(plain(step).1).for_each(|(e, w)| *e = decay * *e + (1.0 - decay) * f64::from(w));
    }
    let found = objective.parameters.tensors().iter().flat_map(|tensor| tensor.as_vec());
    for (found, expected) in found.zip(average) {
        assert!((f64::from(found) - expected).abs() < 1e-6, "{found}, not {expected}");
    }
    let evaluated = objective.evaluated(7).unwrap();
    let verdict = crate::evaluate::evaluate(&evaluated, &setting.validation, || false).unwrap();
    let std::ops::ControlFlow::Continue(verdict) = verdict else { panic!("it was stopped") };
    assert_eq!(Some(verdict.loss), rows.last().map(|row| row.validation_loss));
}

/// Takes its time over every evaluation.
struct Slow(WeightsObjective<Cpu>);

impl Objective<Cpu> for Slow {
    fn trainable(&self) -> &ligo_models::Parameters<Cpu> {
        self.0.trainable()
    }
    fn trainable_mut(&mut self) -> &mut ligo_models::Parameters<Cpu> {
        self.0.trainable_mut()
    }
    fn loss(
        &self,
        tape: &mut ligo_kernels::GradTape<Cpu>,
        batch: &Batch,
        context: &StepContext,
    ) -> Anyhow<ligo_kernels::Scalar<Cpu>> {
        self.0.loss(tape, batch, context)
    }
    fn evaluated(&self, steps: u64) -> Anyhow<Evaluated<'_, Cpu>> {
        std::thread::sleep(Duration::from_millis(100));
        self.0.evaluated(steps)
    }
}

#[test]
fn wall_time_leaves_evaluation_out() {
    let setting = setting();
    let directory = tempfile::tempdir().unwrap();
    let begin = std::time::Instant::now();
    let mut objective = Slow(setting.objective());
    let outcome = setting.train(&mut objective, &micro_batch, directory.path(), &Watch::default()).unwrap();
    let StageOutcome::Finished(result) = outcome else { panic!("it was stopped") };
    let most = begin.elapsed().as_secs_f64() - 0.4;
    assert!(result.cost.wall_seconds > 0.0 && result.cost.wall_seconds < most, "{:?}", result.cost);
}
