//! JSON encoders, the reference among them.
