package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"citycard/clearing/people/api"
	"citycard/clearing/persons"
)

// TestFaultsInWords has what is wrong with a field said in both languages.
func TestFaultsInWords(t *testing.T) {
	w := newTown(t, 1000)
	draft := func(fields string) string { return `{"kind":"account limit",` + fields + `}` }
	for _, c := range []struct{ path, body, field, english, chinese string }{
		{"/v1/proposals/draft", draft(`"request":{},"reason":"r","force":true`), "body.force", "there is no such field", "没有此字段"},
		{"/v1/proposals/draft", draft(`"request":{}`), "body.reason", "it is missing", "缺少"},
		{"/v1/proposals/draft", draft(`"request":{},"reason":""`), "body.reason", "want at least 1 characters", "至少 1 个字符"},
		{"/v1/proposals/draft", draft(`"request":{},"reason":"` + strings.Repeat("r", 1025) + `"`), "body.reason", "want at most 1024 characters", "至多 1024 个字符"},
		{"/v1/proposals/draft", draft(`"request":{},"reason":7`), "body.reason", "want a text", "须为文本"},
		{"/v1/proposals/draft", draft(`"request":{"gift":1},"reason":"r"`), "body.request", "this is no request of its kind (account limit): ", "请求不符合该类提议的格式"},
		{"/v1/proposals/draft", `[]`, "body", "want an object with fields", "须为含字段的对象"},
		{"/v1/proposals/draft", ``, "body", "the body is missing", "缺少请求体"},
		{"/v1/proposals/draft", `{"kind":`, "body", "it cannot be read: ", "无法读取："},
		{"/v1/proposals/0/approve", `{"hash":"ABC"}`, "path.number", "want at least 1", "至少 1"},
		{"/v1/proposals/x/approve", `{"hash":"ABC"}`, "path.number", "want a whole number", "须为整数"},
		{"/v1/proposals/1/approve", `{"hash":"ABC"}`, "body.hash", "want a text of the form ^[0-9a-f]{64}$", "须符合格式 ^[0-9a-f]{64}$"},
		{"/v1/proposals/1/approve?dry_run=x", `{"hash":"ABC"}`, "query.dry_run", "want true or false", "须为 true 或 false"},
		{"/v1/proposals/1/approve?force=true", `{"hash":"ABC"}`, "query.force", "there is no such field", "没有此字段"},
		{"/v1/persons/imports?size=1&encoding=utf-16", ``, "query.sha256", "it is missing", "缺少"},
		{"/v1/persons/imports?size=1&encoding=utf-16", ``, "query.encoding", "want one of utf-8, gb18030", "须为以下之一：utf-8, gb18030"},
	} {
		for in, want := range map[string]string{"en": c.english, "zh-CN": c.chinese} {
			_, p := w.post(w.server.Local(), c.path, c.body, "Content-Type", "application/json", "Accept-Language", in)
			found := false
			for _, fault := range p.Errors {
				found = found || fault.Location == c.field && strings.HasPrefix(fault.Message, want)
			}
			if !found {
				t.Errorf("%s %s in %s: %+v, want %s: %s", c.path, c.body, in, p.Errors, c.field, want)
			}
		}
	}
	signed := w.staff.Sign(t, "cleo", persons.ActRead, persons.ReadText, "complaint 7")
	body, err := json.Marshal(api.Finding{Number: "419999196001010029", Signed: signatureOf(signed)})
	w.must(err)
	_, p := w.post(w.server.Local(), "/v1/persons/find", string(body), "Content-Type", "application/json", "Accept-Language", "zh")
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.number" || p.Errors[0].Message != p.Detail || !strings.Contains(p.Detail, "校验") {
		t.Errorf("a wrong number in Chinese: %+v", p)
	}
}
