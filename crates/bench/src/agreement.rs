//! Whether contenders compute the same; a comparison of others would mean nothing.

use crate::{Case, Contender};
use anyhow::{Result, bail};

/// First losses and logits on the same weights agree to this.
const SAME: f64 = 1e-3;
/// The loss of random weights is as near as this to that of chance.
const NEAR_CHANCE: f64 = 0.5;

/// Refuses contenders whose first answers differ though they start from the same weights.
///
/// Generated text may part where two tokens are equally likely but for rounding. Returned is, for each contender, the first token
/// in which it differs so from the first contender's.
pub(crate) fn check(case: &Case, contenders: &[Contender]) -> Result<Vec<Option<usize>>> {
    let Some(first) = contenders.first() else { return Ok(Vec::new()) };
    contenders.iter().map(|contender| agree(case, first, contender)).collect()
}

fn agree(case: &Case, first: &Contender, other: &Contender) -> Result<Option<usize>> {
    let (expected, found) = (&first.ready().first, &other.ready().first);
    let (engine, reference) = (other.engine(), first.engine());
    let differ = format!("as {reference} has on the same weights; the two don't compute the same");
    if let Some(loss) = found.loss {
        let chance = case.loss_of_chance();
        if !is_near(loss, chance, NEAR_CHANCE) {
            bail!("{engine}: the first loss is {loss}, expected about that of chance, {chance:.3}");
        }
    }
    match (found.loss, expected.loss) {
        (None, None) => {}
        (Some(loss), Some(expected)) if is_near(loss, expected, SAME) => {}
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

/// False for what is not a number.
fn is_near(value: f64, expected: f64, distance: f64) -> bool {
    (value - expected).abs() < distance
}

fn show(value: Option<f64>) -> String {
    value.map_or_else(|| "none".into(), |value| value.to_string())
}
