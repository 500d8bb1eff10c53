// Package calendar says of each day whether it is a workday, a restday or a holiday. It knows only
// what a city's official calendar says: nothing is derived from the day of the week, since a Sunday
// may be a workday (调休) and a Wednesday a holiday.
//
// A calendar is a CSV file with one row for each day:
//
//	# lines that begin so are comments
//	date,kind,source
//	20260101,holiday,notice of the city's government of 4 November 2025
//	20260104,workday,the same notice: a Sunday on which people work
//
// It has every day of the years that it covers, once and in order, and whole years only. A source
// that begins with "example:" marks a day for which nobody answers. A file is read whole or not at
// all, and every fault is named by row and column.
//
// Of a day in a year that is not covered nothing is known. Who needs such a day gets a
// *MissingYearError, never a guess.
package calendar
