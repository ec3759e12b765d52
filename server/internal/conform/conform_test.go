package conform_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/server/internal/conform"
)

// sample is a small document with one of everything.
const sample = `{
	"openapi": "3.1.0",
	"info": {"title": "Notes", "version": "1"},
	"tags": [{"name": "notes"}],
	"security": [{"key": []}],
	"paths": {
		"/notes": {"post": {
			"operationId": "add", "summary": "Add", "tags": ["notes"],
			"parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}}],
			"requestBody": {"required": true, "content": {"application/json": {"schema": {
				"type": "object", "properties": {"text": {"type": "string"}, "kind": {"enum": ["a", "b"]}}, "required": ["text"],
				"additionalProperties": false
			}}}},
			"responses": {
				"201": {"description": "Added.", "headers": {"Location": {"required": true, "schema": {"type": "string"}}},
					"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}}},
				"400": {"$ref": "#/components/responses/Invalid"}
			}
		}},
		"/notes/{id}": {"delete": {
			"operationId": "remove", "summary": "Remove", "tags": ["notes"],
			"parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
			"responses": {"204": {"description": "Removed."}}
		}},
		"/notes/all": {"delete": {
			"operationId": "clear", "summary": "Clear", "tags": ["notes"],
			"responses": {"204": {"description": "Removed."}}
		}}
	},
	"components": {
		"schemas": {
			"Note": {"type": "object", "properties": {
				"id": {"type": "string"}, "at": {"type": "string", "format": "date-time"}, "stars": {"type": ["integer", "null"]},
				"labels": {"type": "object", "additionalProperties": {"type": "string"}},
				"parts": {"type": "array", "items": {"type": "string"}, "minItems": 1},
				"pick": {"oneOf": [{"type": "string"}, {"type": "integer"}]}
			}, "required": ["id"]}
		},
		"responses": {"Invalid": {"description": "Invalid.", "content": {"application/problem+json": {"schema": {
			"type": "object", "properties": {"code": {"enum": ["invalid_request"]}}, "required": ["code"]
		}}}}},
		"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
	}
}`

func TestTheStructureOfADocument(t *testing.T) {
	if _, err := conform.Parse([]byte(sample)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new, says string }{
		{"no JSON", `{`, ``, "document"},
		{"another version", `"3.1.0"`, `"3.0.3"`, "version"},
		{"no title", `"title": "Notes", `, ``, "title"},
		{"an unknown member", `"summary": "Add"`, `"summary": "Add", "sumary": "Add"`, "sumary"},
		{"the same operationId twice", `"operationId": "clear"`, `"operationId": "add"`, "is that of"},
		{"a reference to nothing", `"#/components/schemas/Note"`, `"#/components/schemas/Nose"`, "leads nowhere"},
		{"a reference elsewhere", `"#/components/schemas/Note"`, `"https://example.com/Note"`, "leads nowhere"},
		{"what nothing refers to", `"schemas": {`, `"schemas": {"Spare": {}, `, "Spare is not used"},
		{"a path parameter that is not declared", `"/notes/{id}"`, `"/notes/{key}"`, "not declared"},
		{"a path parameter that is not required", `"in": "path", "required": true`, `"in": "path"`, "not required"},
		{"the same path twice", `"/notes/all"`, `"/notes/{other}"`, "same as"},
		{"an answer without description", `"description": "Added.", `, ``, "without description"},
		{"a keyword that is not checked", `"minItems": 1`, `"uniqueItems": true`, "uniqueItems"},
		{"a required member that is not there", `"required": ["id"]`, `"required": ["key"]`, "is not described"},
		{"a tag that is not declared", `"tags": ["notes"]`, `"tags": ["nodes"]`, "unknown tag"},
		{"a security scheme that is not there", `[{"key": []}]`, `[{"cookie": []}]`, "unknown"},
		{"no good answer", `"204": {"description": "Removed."}`, `"404": {"description": "None."}`, "no good answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed := strings.Replace(sample, tt.old, tt.new, 1)
			if changed == sample {
				t.Fatal("nothing changed")
			}
			_, err := conform.Parse([]byte(changed))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want one that says %q", err, tt.says)
			}
		})
	}
}

func TestAnOperationIsFoundAsServeMuxFindsIt(t *testing.T) {
	d, err := conform.Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]string{
		"POST /notes": "add", "DELETE /notes/7": "remove", "DELETE /notes/all": "clear",
		"GET /notes": "", "DELETE /notes/": "", "DELETE /notes/7/8": "", "POST /notes/": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		got := ""
		if o := d.Find(method, path); o != nil {
			got = o.ID
		}
		if got != want {
			t.Errorf("%s is %q, want %q", request, got, want)
		}
	}
}

func TestAnExchangeIsHeldAgainstTheDocument(t *testing.T) {
	d, err := conform.Parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	const asked, given = `{"text":"x"}`, `{"id":"1"}`
	for _, tt := range []struct {
		name, query, body string
		status            int
		answer, says      string
	}{
		{"all is well", "", asked, 201, given, ""},
		{"all is well with everything", "limit=3", `{"text":"x","kind":"b"}`, 201,
			`{"id":"1","at":"2026-01-02T03:04:05.678Z","stars":3,"labels":{"a":"b"},"parts":["x"],"pick":1}`, ""},
		{"null where it may be", "", asked, 201, `{"id":"1","stars":null}`, ""},
		{"a refused request says what it likes", "x=y", `{"nonsense":1}`, 400, `{"code":"invalid_request"}`, ""},
		{"a status that is not described", "", asked, 200, given, "200 is not described"},
		{"a required member that is missing", "", asked, 201, `{}`, "id is missing"},
		{"a member that is not described", "", asked, 201, `{"id":"1","more":1}`, ".more"},
		{"another type", "", asked, 201, `{"id":1}`, "not string"},
		{"null where it may not be", "", asked, 201, `{"id":null}`, "not string"},
		{"half a number", "", asked, 201, `{"id":"1","stars":1.5}`, "integer"},
		{"a time that is none", "", asked, 201, `{"id":"1","at":"yesterday"}`, "date-time"},
		{"a wrong value by name", "", asked, 201, `{"id":"1","labels":{"a":1}}`, ".labels.a"},
		{"a wrong item", "", asked, 201, `{"id":"1","parts":["x",2]}`, ".parts[1]"},
		{"too few items", "", asked, 201, `{"id":"1","parts":[]}`, "fewer"},
		{"none of several", "", asked, 201, `{"id":"1","pick":true}`, "oneOf"},
		{"an answer that is no JSON", "", asked, 201, `{`, "not JSON"},
		{"another code", "", asked, 400, `{"code":"other"}`, "none of"},
		{"a taken request without its body", "", "", 201, given, "without its body"},
		{"a taken request with a member that is not described", "", `{"text":"x","more":1}`, 201, given, ".more"},
		{"a taken request without a required member", "", `{}`, 201, given, "text is missing"},
		{"a taken request with a word that is not described", "", `{"text":"x","kind":"c"}`, 201, given, "none of"},
		{"a taken parameter that is not described", "x=y", asked, 201, given, "parameter x"},
		{"a taken parameter out of bounds", "limit=0", asked, 201, given, "limit"},
		{"a taken parameter that is no number", "limit=many", asked, 201, given, "limit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kind := "application/json"
			if tt.status == 400 {
				kind = "application/problem+json"
			}
			x := &conform.Exchange{
				Method: "POST", URL: &url.URL{Path: "/notes", RawQuery: tt.query}, Header: http.Header{}, Body: []byte(tt.body),
				Status: tt.status, AnswerHeader: http.Header{"Content-Type": {kind}, "Location": {"/notes/1"}}, Answer: []byte(tt.answer),
			}
			err := d.Check(d.Find("POST", "/notes"), x)
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("%v, want one that says %q", err, tt.says)
			}
		})
	}
	t.Run("a header that is missing, and another media type", func(t *testing.T) {
		x := &conform.Exchange{
			Method: "POST", URL: &url.URL{Path: "/notes"}, Body: []byte(asked),
			Status: 201, AnswerHeader: http.Header{"Content-Type": {"text/html"}}, Answer: []byte(given),
		}
		err := d.Check(d.Find("POST", "/notes"), x)
		if err == nil || !strings.Contains(err.Error(), "header Location") || !strings.Contains(err.Error(), "text/html") {
			t.Error(err)
		}
	})
}
