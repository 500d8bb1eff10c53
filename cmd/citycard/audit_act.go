package main

import (
	"citycard/clearing/cards"
	"citycard/clearing/counters"
	"citycard/clearing/dayclose"
	"citycard/clearing/message"
	staff "citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/clearing/people/proposal"
	"citycard/clearing/persons"
	"citycard/clearing/quarantine"
	"citycard/clearing/receipt"
	"citycard/clearing/registry"
	"citycard/clearing/release"
	"citycard/clearing/rules"
	"citycard/clearing/stock"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/language"
	"citycard/ledger/chain"
)

// auditActIn is an act of the audit with what it means.
func auditActIn(act string, l language.Language) string {
	return l.Coded(act, act, chineseActs()[act])
}

func chineseActs() map[string]string {
	return map[string]string{
		chain.ActOpenAccounts: "开立账户", chain.ActMarkAccount: "标记账户", chain.ActChangeLimit: "变更限额",
		chain.ActOpenDay: "开启清算日", chain.ActCloseDay: "开始日切", chain.ActEndDay: "完成日切", chain.ActReopenDay: "重开清算日", chain.ActPinSealKey: "固定封账公钥",
		counters.ActCloseWithout: "缺流日切", counters.ActPass: "卡片核对", dayclose.ActClose: "确定日切所用登记库",
		receipt.ActBook: "登记到账", receipt.ActReverse: "冲正到账",
		release.ActRefund: "圈存退款", release.ActRelease: "解除挂账", release.ActCorrect: "更正解除", release.ActPayout: "放行付款",
		unconfirmed.ActResolve: "处理未确认扣款", load.ActWithdraw: "撤销待圈存订单", load.ActAskInvoice: "申请充值开票或红冲", load.ActAnswers: "导入开票结果",
		rules.ActFound: "初始规则", rules.ActApprove: "复核规则",
		persons.ActImport: "导入人员", persons.ActTry: "试导入人员", persons.ActUndo: "撤销人员导入", persons.ActEnd: "人员导入结束", persons.ActRead: "查阅人员",
		registry.ActFound: "初始登记", registry.ActFollow: "登记随卡务变更", registry.ActIssued: "登记随制卡新增", registry.ActApprove: "复核登记变更", registry.ActPublish: "批准下发黑名单",
		staff.ActPropose: "提议", staff.ActApprove: "批准提议", proposal.ActReject: "驳回提议", proposal.ActWithdraw: "撤回提议", proposal.ActClose: "结束提议",
		access.ActIssue: "签发访问凭证", access.ActRevoke: "撤销访问凭证",
		staff.ActFound: "建立保管员", staff.ActEnrolKeeper: "登记保管员", staff.ActEnrol: "登记工作人员", staff.ActChange: "变更工作人员", staff.ActDisable: "停用工作人员",
		staff.ActDeputy: "委任代行人", staff.ActEndDeputy: "终止代行",
		cards.Sell.Act(): "售卡", cards.ReportLoss.Act(): "挂失", cards.ReportBrief.Act(): "临时挂失", cards.Find.Act(): "解挂", cards.Replace.Act(): "补换卡", cards.Extend.Act(): "卡片延期",
		cards.Return.Act(): "退卡", cards.HandIn.Act(): "交回坏卡", cards.Refund.Act(): "坏卡退款", cards.CutDeposit.Act(): "退还押金差额", cards.UnblockPIN.Act(): "解锁密码",
		cards.Activate.Act(): "启用社保功能", cards.Suspend.Act(): "停用社保功能",
		cards.ActIssue: "制卡入账", cards.ActBank: "导入银行功能状态文件", stock.ActReceive: "卡库入库", stock.ActMove: "卡库调拨", stock.ActSpoil: "卡库报废", stock.ActCount: "卡库盘点",
		cards.ActOpenShift: "开班", cards.ActCloseShift: "结班",
		cards.ActOpenOther: "不按前班结余开班", cards.ActByTwo: "双人办理班次现金", cards.ActConsent: "同意对卡办理业务", cards.ActHandOver: "上缴现金", cards.ActGiveBack: "退还充值现金", cards.ActAnothers: "代办他人班次",
		message.ActTopic: "首次发现主题", quarantine.ActJudge: "决定复判隔离记录", quarantine.ActBooked: "复判入账",
	}
}
