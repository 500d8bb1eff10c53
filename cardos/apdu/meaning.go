package apdu

import (
	"fmt"

	"citycard/language"
)

// Describe says in a language what a status word means. A word not known here is described by its
// number.
func (s Status) Describe(l language.Language) string { return l.Choose(s.meaning()) }

func (s Status) meaning() (en, zh string) {
	if n, ok := s.IsMoreData(); ok {
		return fmt.Sprintf("%d more bytes wait for GET RESPONSE", n), fmt.Sprintf("还有%d字节待取", n)
	}
	if n, ok := s.exactLength(); ok {
		return fmt.Sprintf("wrong Le, the card has %d bytes", n), fmt.Sprintf("Le错误，应为%d字节", n)
	}
	if n, ok := s.IsTriesLeft(); ok {
		return fmt.Sprintf("verification failed, %d tries left", n), fmt.Sprintf("验证失败，还可再试%d次", n)
	}
	if en, zh = s.iso(); en != "" {
		return en, zh
	}
	if en, zh = s.purse(); en != "" {
		return en, zh
	}
	return fmt.Sprintf("unknown status word %04X", uint16(s)), fmt.Sprintf("未知状态字%04X", uint16(s))
}

// iso gives the meanings of ISO/IEC 7816-4.
func (s Status) iso() (en, zh string) {
	switch s {
	case OK:
		return "done", "成功"
	case DataMayBeCorrupt:
		return "part of the data may be corrupt", "返回数据可能有错"
	case EndOfFile:
		return "end of file reached before Le bytes", "文件长度小于Le"
	case FileInvalidated:
		return "selected file is invalidated", "选择的文件无效（应用已锁定）"
	case AuthenticationFailed:
		return "authentication failed", "认证失败"
	case MemoryFailure:
		return "memory failure, state not changed", "写存储器失败"
	case WrongLength:
		return "wrong length", "长度错误"
	case SecureMessagingUnknown:
		return "secure messaging not supported", "不支持安全报文"
	case CannotHandle:
		return "cannot handle the command", "不能处理"
	case WrongState:
		return "command not accepted in this state", "命令不接受（状态无效）"
	case IncompatibleFile:
		return "command does not fit the file structure", "命令与文件结构不相容"
	case SecurityNotSatisfied:
		return "security status not satisfied", "不满足安全状态"
	case Locked:
		return "authentication method locked", "认证方式已锁定"
	case NoChallenge:
		return "no challenge was fetched", "引用数据无效（未取随机数）"
	case ConditionsNotSatisfied:
		return "conditions of use not satisfied", "使用条件不满足"
	case NoCurrentFile:
		return "no current elementary file", "没有选择当前文件"
	case SecureMessagingMissing:
		return "secure messaging data missing", "安全报文数据项丢失"
	case SecureMessagingIncorrect:
		return "secure messaging data incorrect", "安全报文数据项不正确"
	default:
		return s.isoParameters()
	}
}

func (s Status) isoParameters() (en, zh string) {
	switch s {
	case WrongData:
		return "wrong parameters in the data field", "数据域参数不正确"
	case FunctionNotSupported:
		return "function not supported, or application or card blocked", "功能不支持（或应用、卡片已锁定）"
	case FileNotFound:
		return "file or application not found", "未找到文件或应用"
	case RecordNotFound:
		return "record not found", "未找到记录"
	case NoSpace:
		return "not enough space in the file", "文件空间不足"
	case WrongParameters:
		return "wrong P1 P2", "P1、P2参数不正确"
	case KeyNotFound:
		return "key not found", "未找到密钥"
	case WrongOffset:
		return "offset outside the file", "参数错误（偏移超出文件）"
	case INSNotSupported:
		return "instruction not supported", "不支持的指令代码（INS错误）"
	case CLANotSupported:
		return "class not supported", "不支持的类别（CLA错误）"
	case NoDiagnosis:
		return "no precise diagnosis", "未给出确切诊断"
	default:
		return "", ""
	}
}

// purse gives the meanings of the PBOC electronic purse.
func (s Status) purse() (en, zh string) {
	switch s {
	case InsufficientFunds:
		return "insufficient funds", "资金不足"
	case MACInvalid:
		return "MAC invalid", "MAC无效"
	case PermanentlyBlocked:
		return "application permanently blocked", "应用已被永久锁定"
	case InsufficientAmount:
		return "insufficient amount", "金额不足"
	case CounterAtMaximum:
		return "transaction counter at its maximum", "交易计数器达到最大值"
	case KeyIndexUnsupported:
		return "key index not supported", "密钥索引不支持"
	case MACUnavailable:
		return "requested MAC not available", "所需MAC不可用"
	default:
		return "", ""
	}
}
