//! Whether contenders compute the same; a comparison of others would mean nothing.

use crate::protocol::Answer;
use crate::{Case, Measured, Precision};
use anyhow::{Result, bail};

/// First losses and logits on the same weights agree to this in f32.
const SAME: f64 = 1e-3;
/// In bf16, where a product has 8 bits, losses agree to this share of them.
const SAME_BF16: f64 = 2e-2;
/// The loss of random weights is as near as this to that of chance.
const NEAR_CHANCE: f64 = 0.5;

/// Refuses contenders, each with its engine's name, whose first answers differ though they start from the same weights.
///
/// Generated text may part where two tokens are equally likely but for rounding. Returned is, for each contender, the first token
/// in which it differs so from the first contender's.
pub(crate) fn check(case: &Case, precision: Precision, contenders: &[(&str, &Answer)]) -> Result<Vec<Option<usize>>> {
    let Some(&first) = contenders.first() else { return Ok(Vec::new()) };
    contenders.iter().map(|&other| agree(case, precision, first, other)).collect()
}

/// Refuses contenders that prepare different amounts of data from the same files.
pub(crate) fn same_amount(all: &[Measured]) -> Result<()> {
    let Some((first, others)) = all.split_first() else { return Ok(()) };
    for other in others {
        if other.prepared != first.prepared {
            let show = |amount: Option<u64>| amount.map_or_else(|| "none".into(), |amount| amount.to_string());
            bail!(
                "{}: {} tokens or images came out of it, expected {}, as out of {} from the same files",
                other.engine,
                show(other.prepared),
                show(first.prepared),
                first.engine
            );
        }
    }
    Ok(())
}

fn agree(
    case: &Case,
    precision: Precision,
    (reference, expected): (&str, &Answer),
    (engine, found): (&str, &Answer),
) -> Result<Option<usize>> {
    let differ = format!("as {reference} has on the same weights; the two don't compute the same");
    if let Some(loss) = found.loss {
        let chance = case.loss_of_chance();
        if !is_near(loss, chance, NEAR_CHANCE) {
            bail!("{engine}: the first loss is {loss}, expected about that of chance, {chance:.3}");
        }
    }
    match (found.loss, expected.loss) {
        (None, None) => {}
        (Some(loss), Some(expected)) if is_near(loss, expected, distance_of_losses(precision, expected)) => {}
        (loss, expected) => bail!("{engine}: the first loss is {}, expected {}, {differ}", show(loss), show(expected)),
    }
    let same_logits = found.logits.len() == expected.logits.len()
        && found.logits.iter().zip(&expected.logits).all(|(&logit, &expected)| is_near(logit, expected, SAME));
    if !same_logits {
        bail!(
            "{engine}: the last row's logits begin with {:?}, expected {:?}, {differ}",
            found.logits,
            expected.logits
        );
    }
    let (tokens, expected_tokens) = (&found.tokens, &expected.tokens);
    if tokens.len() != expected_tokens.len() {
        bail!("{engine}: {} tokens were generated, expected {}", tokens.len(), expected_tokens.len());
    }
    let parted = tokens.iter().zip(expected_tokens).position(|(token, expected)| token != expected);
    let lead = parted.and_then(|place| expected.leads.get(place));
    match parted {
        Some(place) if !lead.is_some_and(|&lead| lead < SAME) => {
            bail!(
                "{engine}: generated token {place} is {}, expected {}, {differ}",
                tokens[place],
                expected_tokens[place]
            )
        }
        _ => Ok(parted),
    }
}

fn distance_of_losses(precision: Precision, expected: f64) -> f64 {
    match precision {
        Precision::F32 => SAME,
        Precision::Bf16 => SAME_BF16 * expected.abs(),
    }
}

/// False for what is not a number.
fn is_near(value: f64, expected: f64, distance: f64) -> bool {
    (value - expected).abs() < distance
}

fn show(value: Option<f64>) -> String {
    value.map_or_else(|| "none".into(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligo_models::Family;

    fn refusal(ours: &Answer, theirs: &Answer) -> String {
        let case = Case::quickstart(Family::Gpt2);
        let contenders = [("ours", ours), ("theirs", theirs)];
        check(&case, Precision::F32, &contenders).expect_err("the two differ").to_string()
    }

    #[test]
    fn what_is_equal_but_for_rounding_is_compared() {
        let answers = [
            (Answer { loss: Some(6.93), ..Answer::default() }, Answer { loss: Some(6.9303), ..Answer::default() }),
            (
                Answer { logits: vec![0.5, -2.0], ..Answer::default() },
                Answer { logits: vec![0.5004, -2.0], ..Answer::default() },
            ),
        ];
        for (ours, theirs) in answers {
            let case = Case::quickstart(Family::Gpt2);
            let parted = check(&case, Precision::F32, &[("ours", &ours), ("theirs", &theirs)]).expect("the two agree");
            assert_eq!(parted, [None, None]);
        }
    }

    #[test]
    fn losses_in_bf16_agree_to_two_percent() {
        let case = Case::quickstart(Family::Gpt2);
        let [ours, near, far] = [6.9, 7.0, 7.1].map(|loss| Answer { loss: Some(loss), ..Answer::default() });
        for (theirs, agree) in [(&near, true), (&far, false)] {
            let checked = check(&case, Precision::Bf16, &[("ours", &ours), ("theirs", theirs)]);
            assert_eq!(checked.is_ok(), agree, "{theirs:?}");
        }
    }

    #[test]
    fn what_differs_is_refused_with_both_values() {
        let loss = |loss| Answer { loss: Some(loss), ..Answer::default() };
        let logits = |logits: &[f64]| Answer { logits: logits.to_vec(), ..Answer::default() };
        let tokens =
            |tokens: &[u32]| Answer { tokens: tokens.to_vec(), leads: vec![0.5; tokens.len()], ..Answer::default() };
        for (ours, theirs, expected) in [
            (loss(6.93), loss(6.94), "theirs: the first loss is 6.94, expected 6.93, as ours has"),
            (loss(9.0), loss(9.0), "ours: the first loss is 9, expected about that of chance, 6.931"),
            (loss(6.93), Answer::default(), "theirs: the first loss is none, expected 6.93"),
            (logits(&[0.5, 1.0]), logits(&[0.5, 1.1]), "begin with [0.5, 1.1], expected [0.5, 1.0]"),
            (logits(&[0.5, 1.0]), logits(&[0.5]), "begin with [0.5], expected [0.5, 1.0]"),
            (tokens(&[3, 4]), tokens(&[3]), "theirs: 1 tokens were generated, expected 2"),
            (tokens(&[3, 4]), tokens(&[3, 5]), "theirs: generated token 1 is 5, expected 4"),
        ] {
            let message = refusal(&ours, &theirs);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_comes_out_of_the_same_files_is_the_same_amount() {
        let prepared = |engine: &str, prepared| Measured { engine: engine.into(), prepared, ..Measured::default() };
        same_amount(&[prepared("ours", Some(70)), prepared("theirs", Some(70))]).expect("the two agree");
        let error = same_amount(&[prepared("ours", Some(70)), prepared("theirs", Some(71))]).expect_err("one is more");
        assert!(error.to_string().starts_with("theirs: 71 tokens or images came out of it, expected 70"), "{error}");
    }

    #[test]
    fn texts_that_part_at_a_near_tie_are_compared_and_it_is_said_where() {
        let ours = Answer { tokens: vec![3, 4, 5], leads: vec![0.5, 1e-5, 0.5], ..Answer::default() };
        let theirs = Answer { tokens: vec![3, 7, 9], ..Answer::default() };
        let case = Case::quickstart(Family::Gpt2);
        let parted =
            check(&case, Precision::F32, &[("ours", &ours), ("theirs", &theirs)]).expect("a tie is no difference");
        assert_eq!(parted, [None, Some(1)]);
    }
}
