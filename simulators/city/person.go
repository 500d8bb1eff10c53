package city

import (
	"fmt"
	"time"

	"citycard/simulators/plan"
)

// Person is somebody invented. Name and identity number go on the card and
// nowhere else.
type Person struct {
	Name     string
	IDNumber string // 18 characters, district 419999, which does not exist
	Female   bool
	Born     string // YYYYMMDD

	Insurance  string // employee, resident, none
	Status     string // working, retired, resident
	Account    int64  // personal medical account, fen
	Pension    int64  // a month, fen; 0 for none
	Certified  string // YYYYMM, the last month that the certification covers; empty for never
	Registered bool   // false: has a card, but stands in no registry
}

// newPerson invents the i-th person. A pensioner draws a pension for certain,
// others by chance.
func newPerson(seed uint64, i int, pensioner bool, day time.Time) Person {
	r := newDice(seed, "person", i)
	p := Person{Name: name(i), Registered: true, Female: r.IntN(2) == 1}
	age := plan.Between(r, 18, 59)
	switch n := r.IntN(100); {
	case pensioner && n < 60, !pensioner && n < 15:
		p.Insurance, p.Status, p.Pension, age = "employee", "retired", r.fen(300_000, 600_000, 100), plan.Between(r, 60, 85)
	case pensioner:
		p.Insurance, p.Status, p.Pension, age = "resident", "resident", r.fen(12_000, 30_000, 100), plan.Between(r, 60, 85)
	case n < 70:
		p.Insurance, p.Status = "employee", "working"
	case n < 84:
		p.Insurance, p.Status, p.Pension, age = "resident", "resident", r.fen(12_000, 30_000, 100), plan.Between(r, 60, 85)
	case n < 97:
		p.Insurance, p.Status = "resident", "resident"
	default:
		p.Insurance, p.Status = "none", "resident"
	}
	if p.Insurance == "employee" {
		p.Account = r.fen(20_000, 500_000, 1)
	}
	if p.Pension > 0 {
		p.Certified = day.AddDate(0, plan.Between(r, 0, 11), 1-day.Day()).Format("200601")
		if r.Chance(0.01) {
			p.Certified = day.AddDate(0, -plan.Between(r, 1, 6), 1-day.Day()).Format("200601")
		}
	}
	born := time.Date(day.Year()-age, time.Month(plan.Between(r, 1, 12)), plan.Between(r, 1, 28), 0, 0, 0, 0, time.UTC)
	p.Born = born.Format("20060102")
	p.IDNumber = identityNumber(p.Born, i, p.Female)
	return p
}

// name is 模拟 (simulated) and a sign of the sixty-year cycle: nobody's name.
func name(i int) string {
	stems, branches := []rune("甲乙丙丁戊己庚辛壬癸"), []rune("子丑寅卯辰巳午未申酉戌亥")
	return "模拟" + string(stems[i%len(stems)]) + string(branches[i%len(branches)])
}

// identityNumber makes an 18-character number of the form of GB 11643 with its check digit (ISO
// 7064 MOD 11-2). The district, 419999, is not assigned. The sequence number within a birthday is
// drawn from the index, so that birthday and index together make the numbers differ; Population
// checks that they do.
func identityNumber(born string, i int, female bool) string {
	order := i % 500 * 2
	if !female {
		order++
	}
	digits := fmt.Sprintf("419999%s%03d", born, order)
	sum := 0
	for k, c := range digits {
		weight := 1
		for range 17 - k {
			weight = weight * 2 % 11
		}
		sum += int(c-'0') * weight
	}
	return digits + string("10X98765432"[sum%11])
}
