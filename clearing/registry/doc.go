// Package registry holds who and what clearing knows: operators, terminals,
// cards, top-up channels, hospitals and insured persons. It is read from CSV
// files in one directory, checked as a whole and never changed afterwards; its
// version (a hash of the files) is recorded with every batch it judged.
//
// Rows are dated: a terminal may belong to one operator until a day and to
// another from the next. A look-up always names the day it asks about.
//
// Names of persons do not occur: a person is a keyed token.
package registry
