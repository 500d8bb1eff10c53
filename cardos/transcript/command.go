package transcript

import (
	"citycard/cardos/apdu"
	"citycard/language"
)

// word is a term in both languages.
type word struct{ en, zh string }

func (w word) in(l language.Language) string { return l.Choose(w.en, w.zh) }

// name says what a command is.
func name(cmd apdu.Command) word {
	if cmd.Header() == [4]byte{} {
		return word{"not a command", "非命令数据"}
	}
	switch cmd.CLA {
	case 0x80:
		return financial(cmd)
	case 0x84:
		return maintenance(cmd)
	case 0xBF:
		return word{"PREPARE ACCESS KEY", "准备密钥"}
	}
	switch cmd.INS {
	case 0xA4:
		return word{"SELECT", "选择"}
	case 0xB0:
		return word{"READ BINARY", "读二进制文件"}
	case 0xB2:
		return word{"READ RECORD", "读记录"}
	case 0xD6:
		return word{"UPDATE BINARY", "改二进制文件"}
	case 0xDC:
		return word{"UPDATE RECORD", "改记录"}
	case 0xE2:
		return word{"APPEND RECORD", "增加记录"}
	case 0xC0:
		return word{"GET RESPONSE", "取响应"}
	case 0x84:
		return word{"GET CHALLENGE", "取随机数"}
	case 0x82:
		return word{"EXTERNAL AUTHENTICATE", "外部认证"}
	case 0x88:
		return word{"INTERNAL AUTHENTICATE", "内部认证"}
	case 0x20:
		return word{"VERIFY PIN", "验证PIN"}
	default:
		return word{"unknown command", "未知命令"}
	}
}

// financial names the purse's, the SAM's and the issuer's commands.
func financial(cmd apdu.Command) word {
	switch cmd.INS {
	case 0x50:
		return initialization(cmd.P1)
	case 0x52:
		return word{"CREDIT FOR LOAD", "圈存"}
	case 0x54:
		return word{"DEBIT", "消费"}
	case 0x58:
		return word{"UPDATE OVERDRAFT LIMIT", "修改透支限额"}
	case 0x5A:
		return word{"GET TRANSACTION PROVE", "取交易认证"}
	case 0x5C:
		return word{"GET BALANCE", "读余额"}
	case 0x5E:
		return word{"CHANGE OR RELOAD PIN", "修改或重装PIN"}
	case 0xDC:
		return word{"UPDATE CAPP DATA CACHE", "更新复合应用数据缓存"}
	case 0xE2:
		return word{"STORE DATA", "存储个人化数据"}
	case 0x70:
		return word{"INITIALIZE SAM FOR PURCHASE", "SAM消费初始化"}
	case 0x72:
		return word{"CREDIT SAM FOR PURCHASE", "SAM消费确认"}
	case 0x1A:
		return word{"PREPARE KEY", "通用密钥初始化"}
	case 0xFA:
		return word{"CIPHER", "通用加密"}
	default:
		return word{"unknown command", "未知命令"}
	}
}

func initialization(p1 byte) word {
	switch p1 {
	case 0:
		return word{"INITIALIZE FOR LOAD", "圈存初始化"}
	case 1:
		return word{"INITIALIZE FOR PURCHASE", "消费初始化"}
	case 2:
		return word{"INITIALIZE FOR CASH WITHDRAWAL", "取现初始化"}
	case 3:
		return word{"INITIALIZE FOR CAPP PURCHASE", "复合应用消费初始化"}
	case 4:
		return word{"INITIALIZE FOR OVERDRAFT UPDATE", "修改透支限额初始化"}
	default:
		return word{"INITIALIZE", "交易初始化"}
	}
}

func maintenance(cmd apdu.Command) word {
	switch cmd.INS {
	case 0x16:
		return word{"CARD BLOCK", "卡片锁定"}
	case 0x18:
		return word{"APPLICATION UNBLOCK", "应用解锁"}
	case 0x1E:
		return word{"APPLICATION BLOCK", "应用锁定"}
	case 0x24:
		return word{"PIN UNBLOCK", "PIN解锁"}
	default:
		return word{"unknown command", "未知命令"}
	}
}
