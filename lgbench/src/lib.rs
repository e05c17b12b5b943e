//! lgbench
