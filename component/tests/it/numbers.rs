//! A small generator of numbers, the same at every run.

pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    pub fn one_of<T: Clone>(&mut self, values: &[T]) -> Option<T> {
        let index = self.below(values.len() as u64 * 2) as usize;
        values.get(index).cloned()
    }

    pub fn sometimes<T>(&mut self, value: T) -> Option<T> {
        (self.below(2) == 0).then_some(value)
    }
}
