//! `cargo xtask generate`: what a causal language model makes of a text.

use crate::flags::Generate;
use crate::output::note;
use crate::{find, interrupt};
use anyhow::{Context, Result, bail};
use ligo_checkpoints::{End, Generated, Loaded, Settings, Wishes};
use ligo_kernels::Cpu;
use ligo_models::generate::Sampling;
use ligo_models::hub::LoadOptions;
use std::io::{ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Prints the prompt and what follows it as it comes, then to stderr how fast that was.
pub(crate) fn run(flags: &Generate) -> Result<ExitCode> {
    let directory = find::directory(&flags.weights.checkpoint)?;
    let options = LoadOptions { allow_nan: flags.weights.allow_nan, ..LoadOptions::default() };
    let loaded = Loaded::open_causal(&directory, &Cpu::default(), &options)?;
    let settings = Settings::new(&loaded, &wishes(flags))?;
    if flags.samples > 1 && settings.sampling.temperature == 0.0 {
        bail!(
            "--samples: found {}, expected 1, as the likeliest token is always taken; --temperature 1 draws",
            flags.samples
        );
    }
    let prompt = prompt(&flags.prompt)?;
    let stop = interrupt::on_ctrl_c(|| {})?;
    let mut failure = None;
    let mut print = |text: &str| {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) if !stop.is_set() => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    };
    for sample in 0..u64::from(flags.samples) {
        // Nothing is printed before what can be refused has been: an error stands by itself.
        let generation = loaded.generation(&prompt, &settings, sample)?;
        if sample == 0 {
            announce(&settings);
        }
        if flags.samples > 1 {
            let (first, seed) = (if sample > 0 { "\n" } else { "" }, settings.sampling.seed.wrapping_add(sample));
            _ = print(&format!("{first}## {} of {}, seed {seed}\n", sample + 1, flags.samples));
        }
        if print(&prompt).is_break() {
            break;
        }
        let generated = generation.run(&mut print);
        _ = print("\n");
        let generated = generated?;
        note(summary(&generated));
        if generated.end == End::Stopped {
            break;
        }
    }
    match failure {
        // Whoever read has gone away.
        Some(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Some(error) => Err(error).context("stdout"),
        None if stop.is_set() => Ok(interrupt::exit_code()),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn wishes(flags: &Generate) -> Wishes {
    Wishes {
        max_new_tokens: flags.max_new_tokens,
        temperature: flags.temperature,
        top_k: flags.top_k,
        top_p: flags.top_p,
        seed: Some(flags.seed),
        greedy: flags.greedy,
    }
}

/// The prompt, from stdin if it is `-`; there a line break at the end is left out.
fn prompt(given: &str) -> Result<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).context("stdin")?;
    let line_break = ["\r\n", "\n"].into_iter().find(|end| text.ends_with(end)).unwrap_or_default();
    text.truncate(text.len() - line_break.len());
    Ok(text)
}

/// Tells how text is generated, and what of the checkpoint's wishes is not met.
fn announce(settings: &Settings) {
    if !settings.passed_over.is_empty() {
        note(format!("generation_config.json asks for what is not built here: {}", settings.passed_over.join(", ")));
    }
    note(describe(&settings.sampling));
}

fn describe(sampling: &Sampling) -> String {
    if sampling.temperature == 0.0 {
        return "always the likeliest token".into();
    }
    let mut parts = vec![format!("temperature {}", sampling.temperature)];
    parts.extend(sampling.top_k.map(|k| format!("top-k {k}")));
    parts.extend(sampling.top_p.map(|p| format!("top-p {p}")));
    format!("{}, seed {}", parts.join(", "), sampling.seed)
}

fn summary(generated: &Generated) -> String {
    let end = match generated.end {
        End::EndOfText => "the model ended the text",
        End::MaxNewTokens => "as many as asked for",
        End::Positions => "the model has no more positions",
        End::Stopped => "stopped",
    };
    let speed = match generated.tokens_per_second() {
        Some(speed) => format!(", {speed:.1} tokens/s"),
        None => String::new(),
    };
    let (prompt, new) = (generated.prompt_tokens, generated.new_tokens);
    let seconds = generated.prompt_time.as_secs_f64();
    let plural = if new == 1 { "" } else { "s" };
    format!("{new} new token{plural} ({end}){speed}; {seconds:.2} s for the prompt of {prompt} and the first")
}
