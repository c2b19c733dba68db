//! An inspection as a terminal shows it: at most a hundred columns, names as they are.

use super::{Inspection, TokenizerCheck};
use ligo_models::hub::Remark;
use ligo_models::{ModelConfig, Space};
use std::fmt::{self, Write};

/// No line is longer, unless a single name is.
const COLUMNS: usize = 100;
/// Where the values begin.
const INDENT: usize = 14;
/// Of remarks of one kind so many are shown.
const SHOWN: usize = 12;

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.directory.display())?;
        line(f, "family", &format!("{}, head {}", self.family, self.head))?;
        line(f, "sizes", &sizes(&self.config))?;
        line(f, "parameters", &format!("{} ({})", scaled(self.parameters as f64), grouped(self.parameters)))?;
        line(f, "FLOPs", &self.flops_line())?;
        line(f, "weights", &self.weights_line())?;
        if let Some(check) = &self.tokenizer {
            line(f, "tokenizer", &tokenizer(check, &self.config))?;
        }
        let along: Vec<String> = self.companions.iter().map(|path| path.display().to_string()).collect();
        line(f, "travel along", &if along.is_empty() { "nothing".into() } else { along.join(", ") })?;
        line(f, "loads", self.problem.as_deref().unwrap_or("yes, by names, shapes and types"))?;

        writeln!(f, "\n{:<24}{:>12}{:>10}", "module", "parameters", "share")?;
        for (kind, count) in &self.modules {
            let share = 100.0 * *count as f64 / self.parameters.max(1) as f64;
            writeln!(f, "{:<24}{:>12}{:>8.1} %", kind.name(), scaled(*count as f64), share)?;
        }
        self.spaces_table(f)?;
        remarks(f, "missing", &self.missing)?;
        remarks(f, "unexpected", &self.unexpected)
    }
}

impl Inspection {
    fn flops_line(&self) -> String {
        let flops = &self.flops;
        let at = match flops.unit {
            "token" => format!("in sequences of {}", grouped(flops.sequence_length)),
            _ => format!("{} tokens", grouped(flops.sequence_length)),
        };
        format!(
            "{} per {} forward, {} to train on it ({at})",
            scaled(flops.forward),
            flops.unit,
            scaled(flops.training)
        )
    }

    fn weights_line(&self) -> String {
        let files = &self.files;
        let types: Vec<String> = match files.dtypes.len() {
            1 => files.dtypes.keys().cloned().collect(),
            _ => files.dtypes.iter().map(|(name, (tensors, _))| format!("{name} ({tensors} tensors)")).collect(),
        };
        let tensors: usize = files.dtypes.values().map(|(tensors, _)| tensors).sum();
        let place = match &files.files[..] {
            [(name, _)] => name.clone(),
            several => format!("{} shards", several.len()),
        };
        format!("{}B in {place}, {} tensors, {}", scaled_bytes(files.bytes()), grouped(tensors), types.join(", "))
    }

    fn spaces_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<24}{:>12}{:>16}{:>12}  grows", "space", "width", "units × unit", "layers")?;
        for space in &self.spaces {
            let units = format!("{} × {}", space.size.units, space.size.unit);
            let layers = space.layers.map_or_else(|| "–".to_owned(), |layers| layers.to_string());
            let grows = if space.grows { "yes" } else { "never" };
            writeln!(f, "{:<24}{:>12}{units:>16}{layers:>12}  {grows}", space.name, space.size.width())?;
            for (what, modules) in [("made by", &space.produced_by), ("read by", &space.consumed_by)] {
                if !modules.is_empty() && space.grows {
                    indented(f, &format!("  {what:<8}  "), &modules.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

fn sizes(config: &ModelConfig) -> String {
    let heads = match (config.num_attention_heads, config.num_key_value_heads()) {
        (heads, groups) if groups != heads => format!("{heads} heads of {} ({groups} key/value)", config.head_dim()),
        (heads, _) => format!("{heads} heads of {}", config.head_dim()),
    };
    let activation = serde_json::to_value(config.hidden_act());
    let activation = activation.ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    let mut text = format!(
        "{} layers × {}, {heads}, MLP {} ({activation})",
        config.num_hidden_layers,
        config.hidden_size,
        config.intermediate_size()
    );
    let mut add = |part: String| text.push_str(&format!(", {part}"));
    if config.num_class_layers() > 0 {
        add(format!("{} class layers", config.num_class_layers()));
    }
    if config.family.reads_images() {
        let (side, patch) = (config.image_size(), config.patch_size());
        add(format!("images {side} × {side} × {} in patches of {patch}", config.num_channels()));
    } else {
        add(format!("vocabulary {}", config.vocab_size));
        add(format!("{} positions", config.max_position_embeddings));
    }
    if config.head().has_labels() {
        add(format!("{} labels", config.space(Space::Label).width()));
    }
    text
}

fn tokenizer(check: &TokenizerCheck, config: &ModelConfig) -> String {
    match (&check.file, check.ids, &check.problem) {
        (Some(file), _, Some(problem)) => format!("{file}: {problem}"),
        (Some(file), Some(ids), None) if ids == config.vocab_size => format!("{file}, {ids} ids: fits"),
        (Some(file), Some(ids), None) => {
            format!("{file}, {ids} ids: fits, {} of {} rows unused", config.vocab_size - ids, config.vocab_size)
        }
        (_, _, problem) => problem.clone().unwrap_or_default(),
    }
}

/// What is wrong one by one, what is of no harm by its reason.
fn remarks(f: &mut fmt::Formatter<'_>, title: &str, remarks: &[Remark]) -> fmt::Result {
    if remarks.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    let harmful: Vec<&Remark> = remarks.iter().filter(|remark| !remark.harmless).collect();
    for Remark { name, why, .. } in harmful.iter().take(SHOWN) {
        indented(f, "  ", &format!("{name}: {why}"))?;
    }
    if harmful.len() > SHOWN {
        writeln!(f, "  and {} more", harmful.len() - SHOWN)?;
    }
    let mut reasons: Vec<&str> = vec![];
    for remark in remarks.iter().filter(|remark| remark.harmless) {
        if !reasons.contains(&&*remark.why) {
            reasons.push(&remark.why);
        }
    }
    for reason in reasons {
        let mut names: Vec<&str> =
            remarks.iter().filter(|r| r.harmless && r.why == reason).map(|remark| &*remark.name).collect();
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        indented(f, "  ", &format!("passed over, {reason}: {}{more}", names.join(", ")))?;
    }
    Ok(())
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    indented(f, &format!("{name:<INDENT$}"), value)
}

/// Writes a text behind `start`, broken between words, all lines but the first indented as far as `start` is long.
fn indented(f: &mut fmt::Formatter<'_>, start: &str, text: &str) -> fmt::Result {
    let indent = start.chars().count();
    let (mut column, mut first) = (indent, true);
    f.write_str(start)?;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if first {
            first = false;
        } else if column + 1 + length > COLUMNS {
            write!(f, "\n{:indent$}", "")?;
            column = indent;
        } else {
            f.write_char(' ')?;
            column += 1;
        }
        f.write_str(word)?;
        column += length;
    }
    f.write_char('\n')
}

/// `950`, `12.6 k`, `3.41 M`: three digits and a decimal prefix.
fn scaled(value: f64) -> String {
    const PREFIXES: [&str; 7] = ["", " k", " M", " G", " T", " P", " E"];
    let (mut value, mut prefix) = (value, 0);
    while value >= 999.5 && prefix + 1 < PREFIXES.len() {
        (value, prefix) = (value / 1000.0, prefix + 1);
    }
    let decimals = match value {
        v if prefix == 0 && v.fract() == 0.0 => 0,
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.decimals$}{}", PREFIXES[prefix])
}

/// As [`scaled`], with a space before the unit that follows.
fn scaled_bytes(bytes: u64) -> String {
    let text = scaled(bytes as f64);
    if text.contains(' ') { text } else { format!("{text} ") }
}

/// `124,439,808`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
