// Package bcd packs decimal digits two to a byte, the high half first, as
// cards store card numbers, dates and times.
package bcd
