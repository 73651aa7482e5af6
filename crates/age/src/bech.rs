// SPDX-License-Identifier: BSD-2-Clause
//! Keys as text: Bech32 (BIP 173) of 32 bytes.

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

/// The bytes of a key with this prefix; none if it is none.
pub fn decode(text: &str, prefix: &str) -> Option<Zeroizing<[u8; 32]>> {
    let checked = CheckedHrpstring::new::<Bech32>(text).ok()?;
    if !checked.hrp().as_str().eq_ignore_ascii_case(prefix) {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    let mut count = 0;
    for byte in checked.byte_iter() {
        *bytes.get_mut(count)? = byte;
        count += 1;
    }
    // Bits behind the last byte are zero in what was written by a program.
    let again = encode(&bytes, prefix)?;
    (count == 32 && again.eq_ignore_ascii_case(text)).then_some(bytes)
}

/// A key with this prefix, in lower case.
pub fn encode(bytes: &[u8; 32], prefix: &str) -> Option<Zeroizing<String>> {
    let prefix = Hrp::parse(prefix).ok()?;
    bech32::encode_lower::<Bech32>(prefix, bytes).ok().map(Zeroizing::new)
}
