package specimen

import (
	"fmt"
	"time"
)

// person is an invented holder.
type person struct {
	name     string
	number   string // identity and social-security number
	sex      string // 1 male, 2 female
	birthday string // YYYYMMDD
}

// unusedRegion is a code of Henan that no county has.
const unusedRegion = "419999"

// invent makes a person of 20 to 79 years.
func (m *maker) invent() person {
	families := []string{"张", "王", "李", "赵", "陈", "刘", "杨", "黄", "周", "吴", "欧阳", "司马"}
	given := []string{"三", "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "洋", "艳", "勇", "军", "杰", "娟", "涛", "明华", "秀英", "建国", "晓燕"}
	born := m.now.AddDate(-20-m.random.IntN(60), -m.random.IntN(12), -m.random.IntN(28))
	order := m.random.IntN(1000)
	p := person{
		name:     families[m.random.IntN(len(families))] + given[m.random.IntN(len(given))],
		birthday: born.Format("20060102"),
		sex:      "2",
	}
	if order%2 == 1 {
		p.sex = "1"
	}
	p.number = withCheck(fmt.Sprintf("%s%s%03d", unusedRegion, p.birthday, order))
	return p
}

// withCheck adds the check character of GB 11643 to seventeen digits.
func withCheck(digits string) string {
	weight, sum := 1, 0
	for i := len(digits) - 1; i >= 0; i-- {
		weight = weight * 2 % 11
		sum += weight * int(digits[i]-'0')
	}
	return digits + string("10X98765432"[sum%11])
}

// day is a date as orders write it.
func day(t time.Time) string { return t.Format("20060102") }
