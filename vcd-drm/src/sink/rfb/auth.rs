//! VNC authentication: the viewer encrypts a challenge with the password, by DES.
//!
//! That keeps strangers out and nothing secret: eight characters count, and the picture is not encrypted.

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};

use crate::sink::{Secret, secret};

/// Bytes of a challenge, and of the answer.
pub const BYTES: usize = 16;

/// The answer that a viewer with this password gives.
pub fn answer(password: &Secret, challenge: &[u8; BYTES]) -> [u8; BYTES] {
    let mut key = [0_u8; 8];
    for (key, byte) in key.iter_mut().zip(password.text().bytes()) {
        // The protocol numbers the bits of a key's bytes from the other end.
        *key = byte.reverse_bits();
    }
    let cipher = Des::new(&key.into());
    let mut answer = *challenge;
    for block in answer.chunks_exact_mut(8) {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(block);
        let mut encrypted = bytes.into();
        cipher.encrypt_block(&mut encrypted);
        block.copy_from_slice(&encrypted);
    }
    answer
}

/// Whether an answer is the right one.
pub fn is_right(password: &Secret, challenge: &[u8; BYTES], given: &[u8]) -> bool {
    secret::same(&answer(password, challenge), given)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the standard's own example, with a password whose reversed bits are its key.
    #[test]
    fn the_cipher_is_des_with_reversed_bits() {
        let key = [0x13_u8, 0x34, 0x57, 0x79, 0x9b, 0xbc, 0xdf, 0xf1];
        let cipher = Des::new(&key.into());
        let mut block = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef].into();
        cipher.encrypt_block(&mut block);
        assert_eq!(block[..], [0x85, 0xe8, 0x13, 0x54, 0x0f, 0x0a, 0xb4, 0x05]);

        let password = Secret::new("password").unwrap();
        let reversed = *b"password";
        let cipher = Des::new(&reversed.map(u8::reverse_bits).into());
        let mut block = [7; 8].into();
        cipher.encrypt_block(&mut block);
        let right = answer(&password, &[7; BYTES]);
        assert_eq!((&right[..8], &right[8..]), (&block[..], &block[..]));
        assert!(is_right(&password, &[7; BYTES], &right));
        assert!(!is_right(&password, &[8; BYTES], &right));
        assert!(!is_right(&password, &[7; BYTES], &right[..8]));
        let longer = Secret::new("passwordpassword").unwrap();
        assert_eq!(answer(&longer, &[7; BYTES]), right, "eight characters count");
    }
}
