package truth

import (
	"fmt"
	"time"
)

// PensionRule limits a list of pensions, relative to the day on which it is booked: how many months
// its month may be before or after that day's month, how many days its payday may be before or
// after that day, and how many lines and how much money it may have. The limits themselves are
// allowed.
type PensionRule struct {
	MonthsBack  int   `json:"months_back"`
	MonthsAhead int   `json:"months_ahead"`
	DaysBack    int   `json:"payday_days_back"`
	DaysAhead   int   `json:"payday_days_ahead"`
	Lines       int   `json:"batch_lines"`
	Fen         int64 `json:"batch_fen"`
}

// Refuses says why a list is refused as a whole on a day. It checks the month, then the payday,
// then the size, and returns "" if the list is not refused.
func (p PensionRule) Refuses(day time.Time, month, payday string, lines int, fen int64) (reason string, err error) {
	paid, err := time.Parse("20060102", payday)
	if err != nil {
		return "", fmt.Errorf("payday: %w", err)
	}
	of, err := time.Parse("200601", month)
	if err != nil {
		return "", fmt.Errorf("month: %w", err)
	}
	date := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	first := date.AddDate(0, 0, 1-date.Day())
	switch {
	case of.Before(first.AddDate(0, -p.MonthsBack, 0)), of.After(first.AddDate(0, p.MonthsAhead, 0)):
		return "implausible_month", nil
	case paid.Before(date.AddDate(0, 0, -p.DaysBack)), paid.After(date.AddDate(0, 0, p.DaysAhead)):
		return "implausible_payday", nil
	case lines > p.Lines, fen > p.Fen:
		return "batch_too_large", nil
	}
	return "", nil
}
