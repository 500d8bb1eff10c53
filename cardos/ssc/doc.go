// Package ssc holds the terminal's half of the social-security card (社会保障卡): the
// application SSSE with the issuer's file EF05 and the holder's file EF06, its
// records and texts, the PIN, and the external authentication that cards of
// version 3 want before they give the holder's data.
//
// A record is tag1 length1 value. Texts are GBK, filled on the right with 00;
// packed digits are filled with F. Readers address a record in three ways, all
// of them found in the field: by number in the selected file, by tag in the
// selected file, by tag with the short file identifier.
//
// Layouts are those of LD/T 32 as public readers and file tables restate them; the standard's text
// was not available. Two things were not found and are therefore missing here: the rule for the
// last four bytes of the card identification, and the SM2/SM3 services of version 3.
package ssc
