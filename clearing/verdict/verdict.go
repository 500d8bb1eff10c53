package verdict

import (
	"fmt"

	"citycard/language"
)

// Verdict is what became of a record.
type Verdict uint8

const (
	Cleared Verdict = iota + 1
	Pending
	Suspended
	Duplicate
	Disputed
	Rejected
	Quarantined
	Unconfirmed
	Noted
)

// names gives the verdict's name in reports and metrics, which is an English word, and its Chinese
// name.
func (v Verdict) names() (english, chinese string) {
	switch v {
	case Cleared:
		return "cleared", "已清算"
	case Pending:
		return "pending", "待异地确认"
	case Suspended:
		return "suspended", "挂账"
	case Duplicate:
		return "duplicate", "重复"
	case Disputed:
		return "disputed", "争议"
	case Rejected:
		return "rejected", "拒绝"
	case Quarantined:
		return "quarantined", "隔离"
	case Unconfirmed:
		return "unconfirmed", "未确认"
	case Noted:
		return "noted", "备查"
	}
	return fmt.Sprintf("verdict(%d)", uint8(v)), ""
}

// String is the verdict's name in reports and metrics.
func (v Verdict) String() string {
	name, _ := v.names()
	return name
}

// In is the verdict's name with what it means, for people.
func (v Verdict) In(l language.Language) string {
	name, chinese := v.names()
	return l.Coded(name, name, chinese)
}

// Parse finds the verdict with a name; ok is false where there is none.
func Parse(name string) (v Verdict, ok bool) {
	for v = Cleared; v <= Noted; v++ {
		if v.String() == name {
			return v, true
		}
	}
	return 0, false
}

// Reason is a code of the list below. Codes are stored and published: they are
// never renamed and never reused.
type Reason string

const (
	// None is the reason of a cleared record.
	None Reason = ""

	Undecodable  Reason = "undecodable"
	InvalidField Reason = "invalid_field"
	BadTAC       Reason = "bad_tac"

	TransactionType Reason = "transaction_type"

	AmountTooHigh     Reason = "amount_too_high"
	UnknownCard       Reason = "unknown_card"
	UnknownTerminal   Reason = "unknown_terminal"
	ImplausibleDate   Reason = "implausible_date"
	IssuerNotAccepted Reason = "issuer_not_accepted"
	CardExpired       Reason = "card_expired"
	CardBlocked       Reason = "card_blocked"
	CardListed        Reason = "card_listed"
	PayeeClosed       Reason = "payee_closed"

	UnknownChannel Reason = "unknown_channel"
	LoadNotPaid    Reason = "load_not_paid"
	LoadAmount     Reason = "load_amount"
	LoadTooHigh    Reason = "load_too_high"
	LoadConflict   Reason = "load_conflict"
	LoadRefunded   Reason = "load_refunded"
	LoadExhausted  Reason = "load_exhausted"
	LoadUnknown    Reason = "load_unknown"
	LoadEnded      Reason = "load_ended"
	LoadHeld       Reason = "load_held"
	AboveSingle    Reason = "above_single"
	CardNotInUse   Reason = "card_not_in_use"
	GroupTooSmall  Reason = "group_too_small"
	LoadUncovered  Reason = "load_uncovered"
	ChannelLimit   Reason = "channel_limit"
	ChannelMayNot  Reason = "channel_may_not"
	NoShift        Reason = "no_shift"
	BadMAC1        Reason = "bad_mac1"
	AboveLimit     Reason = "above_limit"

	UnknownPerson   Reason = "unknown_person"
	UnknownHospital Reason = "unknown_hospital"
	AmountsDisagree Reason = "amounts_disagree"
	NotInsured      Reason = "not_insured"
	NoRule          Reason = "no_rule"
	FundShort       Reason = "fund_short"
	AccountClosed   Reason = "account_closed"

	ImplausibleMonth    Reason = "implausible_month"
	ImplausiblePayday   Reason = "implausible_payday"
	BatchTooLarge       Reason = "batch_too_large"
	PaydayNotWorkday    Reason = "payday_not_workday"
	NotEntitled         Reason = "not_entitled"
	CertificationLapsed Reason = "certification_lapsed"
	AmountDiffers       Reason = "amount_differs"
	PensionTooHigh      Reason = "pension_too_high"
	NotPaid             Reason = "not_paid"
	NotReturned         Reason = "not_returned"

	Unbookable  Reason = "unbookable"
	AccountAway Reason = "account_away"
)

// Entry describes one reason code.
type Entry struct {
	Reason  Reason
	Verdict Verdict // what a record with this reason becomes
	English string
	Chinese string
}

// List returns every reason in order of precedence.
func List() []Entry {
	return []Entry{
		{Undecodable, Rejected, "the bytes are not a message of this topic", "报文无法解析"},
		{InvalidField, Rejected, "a field has a wrong length or value", "字段长度或取值错误"},
		{TransactionType, Rejected, "the transaction type is none of this topic's", "交易类型与主题不符"},
		{BadTAC, Rejected, "the TAC does not verify under the card's key", "交易验证码校验失败"},

		{AmountTooHigh, Suspended, "the amount is more than a purse may hold", "金额超过电子钱包余额上限"},
		{UnknownCard, Suspended, "the card is not registered", "卡未登记"},
		{UnknownTerminal, Suspended, "the terminal is not registered on that day", "终端当日未登记"},
		{ImplausibleDate, Suspended, "the signed date is in the future or too old", "交易日期不合理"},
		{IssuerNotAccepted, Suspended, "the card's issuer is another city's and was not accepted on that day", "异地发卡机构当日不在互通名单"},
		{CardExpired, Suspended, "the card had expired", "卡已过期"},
		{CardBlocked, Suspended, "the card was blocked", "卡已停用"},
		{CardListed, Suspended, "the card was on the hotlist at the time of the tap", "刷卡时卡在黑名单中"},
		{PayeeClosed, Suspended, "the operator's account is closed or frozen", "运营商账户已关闭或冻结"},

		{UnknownChannel, Rejected, "the top-up channel is not registered", "充值渠道未登记"},
		{BadMAC1, Rejected, "MAC1 of the load does not verify", "圈存MAC1校验失败"},
		{AboveLimit, Rejected, "the balance would exceed the card's maximum", "超过卡内余额上限"},
		{LoadConflict, Rejected, "another order holds this load sequence of the card", "该圈存序号已被其他订单占用"},
		{LoadRefunded, Rejected, "the order was refunded", "该订单已退款"},
		{LoadExhausted, Rejected, "this load sequence of the card was ordered and refunded too often", "该圈存序号下单退款次数过多"},
		{LoadUnknown, Rejected, "no paid order of that number waits", "无此号码的已付待圈存订单"},
		{LoadEnded, Rejected, "the order was written to its card, or withdrawn", "该订单已圈存或已撤销"},
		{LoadHeld, Rejected, "the card may have been loaded with the order before: a person decides", "卡片可能已圈存过该订单，须人工核实"},
		{AboveSingle, Rejected, "the load is larger than one load of such a channel may be", "超过该类渠道单笔充值上限"},
		{CardNotInUse, Rejected, "the card was not sold, or has come back", "卡片尚未售出，或已退回"},
		{GroupTooSmall, Rejected, "the order is too small for a group's", "未达到团体订单的最低笔数或金额"},
		{ChannelLimit, Rejected, "the channel has used up what it may owe", "充值渠道额度已用完"},
		{ChannelMayNot, Rejected, "by its contract the channel may not do this", "合同未授权该渠道办理此项业务"},
		{NoShift, Rejected, "no shift is open at the terminal: cash is counted in a shift", "该终端未开班：现金须计入班次"},
		{LoadNotPaid, Suspended, "the load was written without a paid order", "圈存无对应已付订单"},
		{LoadAmount, Suspended, "the load differs from its paid order", "圈存与已付订单不符"},
		{LoadUncovered, Suspended, "the books hold less of paid loads than the order", "已付未写圈存余额不足"},
		{LoadTooHigh, Suspended, "after the load the purse holds more than it may", "圈存后余额超过电子钱包上限"},

		{UnknownPerson, Rejected, "the person is not registered", "人员未登记"},
		{UnknownHospital, Rejected, "the hospital is not registered on that day", "医院当日未登记"},
		{NotInsured, Rejected, "the person has no insurance that covers this", "未参保或无相应待遇"},
		{AmountsDisagree, Rejected, "the parts of the claim do not add up", "费用分项与总额不符"},
		{NoRule, Rejected, "no rule in force covers this request", "无适用的结算规则"},
		{AccountClosed, Rejected, "an account of the request is closed or frozen", "相关账户已关闭或冻结"},
		{FundShort, Rejected, "the insurance fund does not hold enough", "基金余额不足"},

		{ImplausibleMonth, Rejected, "the list pays for a month that is too far from the clearing day", "发放月份与清算日相差过大"},
		{ImplausiblePayday, Rejected, "the payday is too far from the clearing day", "发放日与清算日相差过大"},
		{BatchTooLarge, Rejected, "the list has more lines or asks for more money than the rules allow", "发放批次的笔数或总额超过规则上限"},
		{PaydayNotWorkday, Rejected, "the rules want a workday as payday, and the calendar says it is none", "规则要求发放日为工作日，而按工作日历该日不是"},
		{NotEntitled, Rejected, "the person draws no pension", "无待遇领取资格"},
		{CertificationLapsed, Rejected, "the certification of life has lapsed", "资格认证已过期"},
		{AmountDiffers, Rejected, "the amount is not the approved one", "金额与核定不符"},
		{PensionTooHigh, Rejected, "the amount is more than the rules let one pension be", "金额超过单人养老金上限"},
		{NotPaid, Rejected, "there is no such payout to return", "无对应发放记录"},
		{NotReturned, Rejected, "the payment before was not returned by the bank", "上一次发放未被银行退回"},

		{Unbookable, Quarantined, "judging or booking it fails, and will again", "无法判定或入账"},
		{AccountAway, Quarantined, "an account that it needs was not open, or closed or frozen, for too long", "相关账户长时间未开立、冻结或关闭"},
	}
}

// Explain returns the entry of a reason; ok is false for a code not in the list.
func Explain(r Reason) (entry Entry, ok bool) {
	for _, e := range List() {
		if e.Reason == r {
			return e, true
		}
	}
	return Entry{}, false
}

// In is the code with what it means, for people; a code that is not in the list stands alone.
func (r Reason) In(l language.Language) string {
	entry, _ := Explain(r)
	return l.Coded(string(r), entry.English, entry.Chinese)
}
