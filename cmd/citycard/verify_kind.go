package main

import (
	"maps"

	beside "citycard/clearing/verify"
	"citycard/language"
	"citycard/ledger/verify"
)

// faultIn is a fault's kind, which is in English in all evidence, with what it means.
func faultIn(kind verify.Kind, l language.Language) string {
	return l.Coded(string(kind), string(kind), chineseKinds()[kind])
}

func chineseKinds() map[verify.Kind]string {
	kinds := ledgerKinds()
	maps.Copy(kinds, clearingKinds())
	return kinds
}

func ledgerKinds() map[verify.Kind]string {
	return map[verify.Kind]string{
		verify.RowHash:        "记录哈希不符",
		verify.RowMissing:     "缺少记录",
		verify.RowExtra:       "记录不属于其批次",
		verify.RowDay:         "记录与其批次不在同一清算日",
		verify.UnknownAccount: "账户不存在",
		verify.BatchRoot:      "批次默克尔根不符",
		verify.BatchCount:     "批次记录数不符",
		verify.ChainHead:      "哈希链不符",
		verify.SequenceGap:    "缺少批次",
		verify.PositionGap:    "流位置不连续",
		verify.StreamHead:     "流不以其最后批次结尾",
		verify.AccountNumber:  "账户编号不符",
		verify.AccountOpening: "账户与开立记录不符",
		verify.AccountHistory: "账户与变更记录不符",
		verify.ChartVersion:   "账户表版本不符",
		verify.ShardRows:      "余额行与账户分片不符",
		verify.ShardSum:       "分片余额与批次不符",
		verify.StreamLease:    "租约与其哈希不符",
		verify.StreamEpoch:    "租约序号倒退",
		verify.StreamDay:      "流所处清算日不可能",
		verify.Samples:        "抽样与记录不符",
		verify.DayHistory:     "清算日与变更记录不符",
		verify.BalanceSum:     "余额与分录不符",
		verify.TurnoverSum:    "发生额与分录不符",
		verify.Unbalanced:     "借贷不平",
		verify.HoldState:      "预授权与日记账不符",
		verify.ActUnfounded:   "所依据的记录不存在",
		verify.HeldSum:        "冻结金额与预授权不符",
		verify.LimitBroken:    "超出账户限额",
		verify.CapHistory:     "授信额度与变更记录不符",
		verify.Checkpoint:     "余额检查点与分录不符",
		verify.Unfindable:     "按主体查不到记录",
		verify.DayHead:        "清算日不以其最后批次结尾",
		verify.AuditChain:     "审计日志哈希链不符",
		verify.SealRoot:       "封账默克尔根不符",
		verify.SealSignature:  "封账签名无效",
		verify.SealUnknown:    "无已知封账公钥可核验封账",
		verify.SealKeyHistory: "封账公钥与固定记录不符",
	}
}

func clearingKinds() map[verify.Kind]string {
	return map[verify.Kind]string{
		beside.RegistryRow:     "登记行与其凭证不符",
		beside.RegistryChange:  "登记变更与其各行或审计日志不符",
		beside.RegistryVersion: "登记库版本与变更或审计日志不符",
		beside.RuleDocument:    "规则文件与其摘要不符",
		beside.RuleEdition:     "规则版次与提案或审计日志不符",
		beside.RuleNamed:       "批次引用了未知的规则版次",
		beside.PersonRow:       "人员记录与其导入不符",
		beside.PersonImport:    "人员导入与其分段或审计日志不符",
		beside.RegistryNamed:   "批次引用了未知的登记库版本",
		beside.Settlement:      "医保结算与其批次不符",
		beside.MedicalYear:     "医保年度累计与各笔结算不符",
		beside.PensionOriginal: "发放批次原件与其批次不符",
		beside.PensionLine:     "待遇发放不在任何已存发放批次中",
		beside.LoadRefund:      "圈存退款与日记账不符",
		beside.WrittenLoad:     "已写卡圈存与日记账不符",
		beside.AuthorisedLoad:  "已授权圈存与日记账不符",
		beside.WaitingLoad:     "待补登圈存与日记账不符",
		beside.LoadInvoice:     "充值发票记录与日记账或审计不符",
		beside.Release:         "解除挂账与原挂账分录不符",
		beside.Closing:         "日切与审计日志不符",
		beside.Topic:           "主题与审计日志不符",
		beside.Pass:            "卡片核对与审计日志不符",
		beside.Message:         "外发消息与其批次不符",
		beside.Pump:            "已发消息数与批次不符",
		beside.Unreadable:      "审计日志条目无法读取",
		beside.StaffRow:        "操作人员与审计日志不符",
		beside.StaffAct:        "对操作人员的操作不可能成立",
		beside.Signature:       "操作未按规定签名",
		beside.AccessRow:       "接入凭证与审计日志不符",
		beside.Proposal:        "提案与审计日志不符",
		beside.ActDone:         "操作内容与所签请求不符",
		beside.Unconfirmed:     "无TAC刷卡与日记账不符",
		beside.TerminalLoad:    "充值终端与流水不符",
		beside.ShiftRow:        "班次与记录、业务或充值不符",
		beside.CardEmptied:     "取空的钱包与业务或刷卡不符",
		beside.CardConsent:     "对订单的同意与业务不符",
		beside.CardOrder:       "柜台订单与业务不符",
		beside.CardDue:         "登记库应随卡务变更的内容不符",
		beside.CardStep:        "卡片业务步骤与日记账不符",
		beside.CardRow:         "卡片状态与其业务步骤不符",
		beside.Listings:        "挂失列入次数与卡务步骤不符",
		beside.BankFile:        "银行文件与其步骤或审计不符",
		beside.StockAct:        "库存业务与账页或审计不符", beside.StockLot: "库存与其业务不符", beside.StockCard: "已制卡与其库存业务不符",
		beside.Decision: "须双人决定的分录不在任何操作中",
	}
}
