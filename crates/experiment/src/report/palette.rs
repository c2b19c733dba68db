//! The colours of figures and page, light and dark, in one place. Chosen to stay apart for colour-blind readers and to be
//! readable as text on their surface (contrast of at least 4.5 : 1); every line has its label at its end.

use super::figures::Role;

/// Baselines that have a colour of their own; further ones begin again.
pub(super) const BASELINES: usize = 6;

/// A set of colours.
#[derive(Debug)]
pub(super) struct Palette {
    /// Background.
    pub(super) surface: &'static str,
    /// Text.
    pub(super) text: &'static str,
    /// Text that matters less.
    pub(super) muted: &'static str,
    /// Lines of the grid.
    pub(super) grid: &'static str,
    reference: &'static str,
    scratch: &'static str,
    ligo: &'static str,
    baselines: [&'static str; BASELINES],
}

pub(super) const LIGHT: Palette = Palette {
    surface: "#ffffff",
    text: "#1f2328",
    muted: "#59636e",
    grid: "#e3e7ec",
    reference: "#3d444d",
    scratch: "#6e7781",
    ligo: "#c8400a",
    baselines: ["#0a62a8", "#08786b", "#97407f", "#866000", "#5b54c4", "#4a6a0c"],
};

pub(super) const DARK: Palette = Palette {
    surface: "#0d1117",
    text: "#e6edf3",
    muted: "#9198a1",
    grid: "#262c36",
    reference: "#c9d1d9",
    scratch: "#8d96a0",
    ligo: "#ff8f4f",
    baselines: ["#62aef5", "#3fcfb4", "#e796cd", "#dcae3c", "#b3acff", "#a5c84a"],
};

/// For figures inside the page: the page's style sheet says which of the two holds ([`variables`]).
pub(super) const PAGE: Palette = Palette {
    surface: "var(--surface)",
    text: "var(--text)",
    muted: "var(--muted)",
    grid: "var(--grid)",
    reference: "var(--reference)",
    scratch: "var(--scratch)",
    ligo: "var(--ligo)",
    baselines: [
        "var(--baseline-0)",
        "var(--baseline-1)",
        "var(--baseline-2)",
        "var(--baseline-3)",
        "var(--baseline-4)",
        "var(--baseline-5)",
    ],
};

impl Palette {
    /// The colour of a row.
    pub(super) fn of(&self, role: Role) -> &'static str {
        match role {
            Role::Reference => self.reference,
            Role::Scratch => self.scratch,
            Role::Ligo => self.ligo,
            Role::Baseline(index) => self.baselines[index % BASELINES],
        }
    }

    /// The colour of what is above 0, where there is less of it the nearer it is.
    pub(super) fn positive(&self) -> &'static str {
        self.ligo
    }

    /// The colour of what is below 0.
    pub(super) fn negative(&self) -> &'static str {
        self.baselines[0]
    }

    fn colours(&self) -> [&'static str; 7 + BASELINES] {
        let [a, b, c, d, e, f] = self.baselines;
        [self.surface, self.text, self.muted, self.grid, self.reference, self.scratch, self.ligo, a, b, c, d, e, f]
    }
}

/// The declarations that give [`PAGE`]'s variables the colours of `palette`.
pub(super) fn variables(palette: &Palette) -> String {
    let names = PAGE.colours().map(|colour| colour.trim_start_matches("var(").trim_end_matches(')'));
    names.into_iter().zip(palette.colours()).map(|(name, colour)| format!("{name}:{colour};")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of sRGB (WCAG 2).
    fn luminance(colour: &str) -> f64 {
        let channel = |from: usize| {
            let value = f64::from(u8::from_str_radix(&colour[from..from + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn every_colour_that_writes_is_readable_on_its_surface() {
        for palette in [&LIGHT, &DARK] {
            let surface = luminance(palette.surface);
            for colour in
                palette.colours().into_iter().filter(|colour| ![palette.surface, palette.grid].contains(colour))
            {
                let own = luminance(colour);
                let contrast = (own.max(surface) + 0.05) / (own.min(surface) + 0.05);
                assert!(contrast >= 4.5, "{colour} on {}: {contrast:.2}", palette.surface);
            }
        }
    }

    #[test]
    fn the_page_gives_every_variable_a_colour() {
        for palette in [&LIGHT, &DARK] {
            let variables = variables(palette);
            for colour in PAGE.colours() {
                let name = &colour[4..colour.len() - 1];
                assert!(variables.contains(&format!("{name}:#")), "{name} in {variables}");
            }
        }
    }
}
