//! What the factors of an operator are: names, sizes, and where each starts. No values.

use crate::options::WidthForm;
use ligo_models::{Axis, Init, ParamSpec, Role, Space, SpaceKind, SpaceSize};

/// What a factor is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FactorPlan {
    /// B, or an A of its own.
    Width(WidthFactor),
    /// s `[1, D2]` of `A = diag(s) B`.
    Scale {
        /// The factor B.
        of: usize,
    },
    /// w of one module, or of all, `[L2, L1]`.
    Depth {
        /// Whether layers that are new start at 0 (they hand on what the residual stream is given).
        silent: bool,
    },
    /// R: what is added to the large model's parameter of that number.
    Residual(usize),
    /// The small model's parameter of that number, trained.
    Small(usize),
}

/// B or A of one kind of space, from `small` to `large`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WidthFactor {
    /// The space, layers counted as in the small model.
    pub(crate) space: Space,
    /// D1.
    pub(crate) small: SpaceSize,
    /// D2.
    pub(crate) large: SpaceSize,
    /// Whether the identity on top is left out.
    pub(crate) form: WidthForm,
    /// Whether it maps whole heads: the matrix has a row for each unit, and is applied as `M ⊗ I`.
    pub(crate) whole: bool,
    /// Where it starts.
    pub(crate) start: FactorStart,
}

impl WidthFactor {
    /// d and D of the matrix `[D, d]`.
    pub(crate) fn size(&self) -> (usize, usize) {
        match self.whole {
            true => (self.small.units, self.large.units),
            false => (self.small.width(), self.large.width()),
        }
    }

    /// Rows of the matrix that are not learnt: d of `[I; C]`.
    pub(crate) fn identity_rows(&self) -> usize {
        match self.form {
            WidthForm::Identity => self.size().0,
            WidthForm::Free => 0,
        }
    }

    /// The shape of what is learnt.
    pub(crate) fn shape(&self) -> [usize; 2] {
        let (small, large) = self.size();
        [large - self.identity_rows(), small]
    }
}

/// Where a width factor starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum FactorStart {
    /// As the options say.
    Drawn,
    /// At the start of another factor of the same sizes.
    As(usize),
    /// At the start of its partner B; divided by the numbers of copies where the start divides.
    Partner(usize),
    /// At the start of the factor of the key/value heads, each head's part repeated for the heads that share it.
    Repeated {
        /// The factor of the key/value heads.
        of: usize,
        /// Heads that share a key/value head.
        sharing: usize,
        /// Whether it consumes: divided then as a partner is.
        divided: bool,
    },
}

/// A width that has a factor: a kind of space, or the output transform's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Space(SpaceKind),
    Transform,
}

/// Which factor: its width, what it is to it, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) side: Side,
    pub(crate) owner: Owner,
}

/// What a factor is to its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Produces,
    Consumes,
    Scales,
}

/// Whose a factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// The whole net's.
    Net,
    /// One layer's.
    Layer(usize),
    /// The class-attention layers', which are a net of their own behind the others.
    Class,
    /// One class-attention layer's.
    ClassLayer(usize),
}

impl Key {
    /// `B.query`, `B.3.query`, `A.class.value`, `s.embed`.
    pub(crate) fn name(self) -> String {
        let letter = match self.side {
            Side::Produces => "B",
            Side::Consumes => "A",
            Side::Scales => "s",
        };
        let kind = match self.kind {
            Kind::Space(kind) => format!("{kind:?}").to_lowercase(),
            Kind::Transform => "transform".into(),
        };
        match self.owner {
            Owner::Net => format!("{letter}.{kind}"),
            Owner::Layer(layer) => format!("{letter}.{layer}.{kind}"),
            Owner::Class => format!("{letter}.class.{kind}"),
            Owner::ClassLayer(layer) => format!("{letter}.class.{layer}.{kind}"),
        }
    }
}

/// The declaration of a factor, as the optimiser and a checkpoint see it.
pub(crate) fn declare(name: String, shape: [usize; 2], decay: bool) -> ParamSpec {
    // The axes of a factor mean nothing to another operator, and its start is drawn by `start`, not by its declaration.
    let axis = Axis { role: Role::Produces, spaces: vec![] };
    ParamSpec {
        module: name.clone(),
        name,
        layer: None,
        shape: shape.to_vec(),
        stored_shape: None,
        axes: vec![axis.clone(), axis],
        init: Init::Zeros,
        decay,
    }
}
