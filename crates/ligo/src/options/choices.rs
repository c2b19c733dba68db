//! The options that are a choice among names. The default of each is that of the preset `ligo`.

use serde::Deserialize;

/// Where the defaults come from; the table in the crate's doc has them side by side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// What our own measurements favour: fresh values beside the map.
    #[default]
    Ligo,
    /// The paper's formula.
    LigoPaper,
    /// The authors' released code with the command of its manual.
    LigoPublished,
}

/// The form of a width factor `B` `[D2, D1]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WidthForm {
    /// `[I; C]`: the old coordinates stay, C `[D2 − D1, D1]` is learnt (the published code).
    #[default]
    Identity,
    /// The whole matrix is learnt, starting from `[I; C]` (the paper's formula).
    Free,
}

/// Where the rows of C start, those of the new coordinates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WidthStart {
    /// U[0, 1) divided by the row's sum, so that a new coordinate is about the mean of all old ones (the published `rand`).
    #[default]
    Random,
    /// A 1 at a random place of each row, undivided (the published `sel`): new coordinates copy old ones.
    Selection,
    /// The same, and whatever reads the copies divides by their number: `A = B diag(1/c)`, c being the sums of B's columns.
    SelectionNormalised,
    /// N(0, 1/D2).
    Gaussian,
    /// Copies whose numbers differ by at most one, whole heads where there are heads, the same ones for queries, keys and values,
    /// and whatever reads them divides by their number. The large model starts with the small one's function if the residual width
    /// is a multiple of the small one's (else the norms see another mean) and the depth stays or starts as `identity`.
    FunctionPreserving,
    /// 0.
    Zero,
}

impl WidthStart {
    /// Whether whatever reads copies divides by their number.
    pub(crate) fn divides(self) -> bool {
        matches!(self, Self::SelectionNormalised | Self::FunctionPreserving)
    }
}

/// What consuming axes take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tying {
    /// A = B.
    #[default]
    Tied,
    /// A = diag(s) B with a learnt s `[D2]` for each kind of space that something consumes, starting at 1, or at 1 / copies where
    /// the start divides.
    Scaled,
    /// A of its own for each kind of space that something consumes, starting equal to B, or to `B diag(1/c)` where the start
    /// divides; it is a whole matrix then, since old coordinates are divided too.
    Untied,
}

/// How many factors there are for queries, keys, values and the MLP's inner width; the residual stream has one for the whole net.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// One B for each kind of space (the paper's Algorithm 1).
    #[default]
    PerKind,
    /// B_j for each small layer, width before depth: `W_new_i = Σ_j w_ij B_j W_j A_jᵀ` (the paper's Eq. 8).
    PerSmallLayer,
    /// B_i for each large layer, depth before width: `W_new_i = B_i (Σ_j w_ij W_j) A_iᵀ` (the published code).
    PerLargeLayer,
}

/// How queries and keys grow where positions are rotary: each pair of a head's coordinates turns at a speed of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotary {
    /// By whole heads: B = M ⊗ I with M `[heads2, heads1]`, so that a new head's coordinate mixes old coordinates of its own speed
    /// only. M of the queries starts as that of the keys, once for each head that shares a key: groups stay together.
    #[default]
    WholeHeads,
    /// As everywhere else: every new coordinate is a mix of all old ones, whatever their speeds.
    Dense,
}

/// Where the depth weights start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepthStart {
    /// Large layer i is small layer i mod L1.
    #[default]
    Stack,
    /// Large layer i is small layer ⌊i · L1 / L2⌋.
    Interlace,
    /// The first L1 layers are themselves. The others copy the last one, but for the maps that hand attention's and the MLP's result
    /// to the residual stream, whose w starts at 0: in a pre-norm model they pass on what they get. In a post-norm model they still
    /// norm it, twice each, by the last layer's gains and biases: what has been normed changes little, but it does.
    Identity,
}

/// How many depth weights there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepthWeights {
    /// A w for each module: queries mix layers in another way than MLPs.
    #[default]
    PerModule,
    /// One w for all modules.
    Shared,
}

/// Which depth weights a bias takes (the paper does not say).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BiasDepth {
    /// Those of the weight that it belongs to (a norm's gain and bias share theirs).
    #[default]
    Shared,
    /// Its own, as in the published code.
    Own,
}
