//! The operator of methods that have a rule for depth alone: widths are borrowed from FPI ([`WidthMap::copies`]).

use crate::{
    DepthMap, Draw, Growth, GrowthOperator, Guarantee, LinearGrowth, Made, Moments, Result, WidthMap, check_head_dim,
};
use ligo_kernels::Kernels;
use ligo_models::{ModelConfig, Parameters};

/// Widens by copies, divided by their number where they are read, then maps the layers.
#[derive(Debug, Clone, PartialEq)]
pub struct CopiedGrowth {
    /// The method whose rule `depth` is, for errors.
    pub method: &'static str,
    /// How the copied coordinates are drawn.
    pub draw: Draw,
    /// Per layer.
    pub depth: DepthMap,
}

impl CopiedGrowth {
    /// What can be said of a model that it has grown: the function is preserved where every layer stays and every coordinate of
    /// the residual stream has equally many copies, since the norms then see the mean and the variance that they saw.
    pub fn guarantee(&self, small: &ModelConfig, large: &ModelConfig) -> Guarantee {
        let Some(layers) = self.depth.layers() else {
            return Guarantee::Nothing("its layers are mixed from several".into());
        };
        // Silent ones change nothing.
        let speaking = layers.iter().enumerate().filter(|(i, _)| !self.depth.is_silent(*i)).map(|(_, &j)| j);
        if !speaking.eq(0..small.num_hidden_layers) {
            return Guarantee::Layers(layers);
        }
        let balanced = self.draw == Draw::Balanced && large.hidden_size.is_multiple_of(small.hidden_size);
        if balanced || large.hidden_size == small.hidden_size {
            Guarantee::Function
        } else {
            Guarantee::Nothing("the norms see unequal numbers of copies".into())
        }
    }

    fn linear<D: Kernels>(&self, growth: &Growth<'_, D>) -> Result<LinearGrowth> {
        let (small, large) = (growth.small.config(), growth.large.config());
        check_head_dim(self.method, small, large)?;
        let width = WidthMap::copies(small, large, self.draw, growth.seed)?;
        Ok(LinearGrowth { width, depth: self.depth.clone() })
    }
}

impl<D: Kernels> GrowthOperator<D> for CopiedGrowth {
    fn grow(&self, growth: &Growth<'_, D>) -> Result<Parameters<D>> {
        self.linear(growth)?.grow(growth)
    }

    fn grow_showing(&self, growth: &Growth<'_, D>, made: &Made<'_, D>) -> Result<Parameters<D>> {
        self.linear(growth)?.grow_showing(growth, made)
    }

    fn grow_moments(&self, growth: &Growth<'_, D>, moments: &Moments<D>) -> Result<Option<Moments<D>>> {
        self.linear(growth)?.grow_moments(growth, moments)
    }
}
