//! What every daemon of the toolbox shares.
