//! The network: services, proxies and clients.
//!
//! | question | file |
//! |---|---|
//! | What does `emulate` serve, and what may hostile clients do? | `emulate`, `hostile_clients` |
//! | What if a login page answers in place of the service? | `login_pages` |
//! | Which proxy is used? | `proxies` |
//! | What does a run cost with the latency of the service? | `service` |

mod emulate;
mod hostile_clients;
mod login_pages;
mod proxies;
mod service;
