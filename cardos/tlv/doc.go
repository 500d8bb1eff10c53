// Package tlv reads and writes BER-TLV data objects (ISO/IEC 7816-4 section
// 5.2.2, ISO/IEC 8825-1) as cards use them: tags of one to three bytes,
// definite lengths, and limited depth and count, so that a hostile answer does no harm.
package tlv
