//! Small numbers for large values, so that a state of the model is a handful of numbers.
//!
//! In scope: interning, and a hash for small keys. Out of scope: what the values are.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;

/// A fast hash; the keys are small numbers that no attacker chooses.
#[derive(Default)]
pub struct QuickHasher(u64);

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

/// A map with that hash.
pub type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;
/// A set with that hash.
pub type QuickSet<K> = HashSet<K, BuildHasherDefault<QuickHasher>>;

/// Values that are named by small numbers, each value once.
pub struct Interned<T> {
    ids: HashMap<Rc<T>, u32>,
    pub all: Vec<Rc<T>>,
}

impl<T: Hash + Eq> Interned<T> {
    pub fn new() -> Self {
        Self { ids: HashMap::new(), all: Vec::new() }
    }

    pub fn intern(&mut self, value: T) -> u32 {
        if let Some(id) = self.ids.get(&value) {
            return *id;
        }
        let id = u32::try_from(self.all.len()).expect("few");
        let value = Rc::new(value);
        self.all.push(Rc::clone(&value));
        self.ids.insert(value, id);
        id
    }

    pub fn at(&self, id: u32) -> Rc<T> {
        Rc::clone(&self.all[id as usize])
    }
}
