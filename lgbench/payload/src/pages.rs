//! A page allocator: free pages in a list that runs through the pages themselves.

/// Words of eight bytes in a page of 4 KiB.
pub const WORDS: usize = 512;

/// A page.
pub type Page = [u64; WORDS];

/// In place of a page's number: the end of the list.
const END: u64 = u64::MAX;

/// Hands out pages by number.
#[derive(Debug)]
pub struct Pages<'a> {
    pages: &'a mut [Page],
    free: u64,
}

impl<'a> Pages<'a> {
    /// All of `pages` free, the first to be handed out first.
    pub fn new(pages: &'a mut [Page]) -> Self {
        let mut this = Self { pages, free: END };
        for number in (0..this.pages.len()).rev() {
            this.free(number);
        }
        this
    }

    /// A page of zeros, as an operating system gives them; `None` when there is none left.
    pub fn allocate(&mut self) -> Option<usize> {
        let number = usize::try_from(self.free).ok()?;
        let page = self.pages.get_mut(number)?;
        self.free = page[0];
        page.fill(0);
        Some(number)
    }

    /// Takes back a page that [`Self::allocate`] gave.
    pub fn free(&mut self, number: usize) {
        if let Some(page) = self.pages.get_mut(number) {
            page[0] = self.free;
            self.free = number as u64;
        }
    }

    /// Writes to a page.
    pub fn touch(&mut self, number: usize, value: u64) {
        if let Some(page) = self.pages.get_mut(number) {
            page[0] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_given_once_and_is_empty() {
        let mut memory = vec![[7; WORDS]; 5];
        let mut pages = Pages::new(&mut memory);
        let given: Vec<_> = std::iter::from_fn(|| pages.allocate()).collect();
        assert_eq!(given, [0, 1, 2, 3, 4]);
        pages.touch(3, 9);
        pages.free(3);
        pages.free(1);
        assert_eq!(
            (pages.allocate(), pages.allocate(), pages.allocate()),
            (Some(1), Some(3), None)
        );
        assert!(memory.iter().all(|page| page.iter().all(|word| *word == 0)));
    }
}
