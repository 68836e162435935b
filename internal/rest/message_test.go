package rest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadBody(t *testing.T) {
	read := func(body io.Reader, length int64) (string, error) {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.ContentLength = length
		got, err := ReadBody(httptest.NewRecorder(), r, 8)
		return string(got), err
	}
	for _, length := range []int64{8, -1} {
		if got, err := read(strings.NewReader("12345678"), length); got != "12345678" || err != nil {
			t.Errorf("length %d: %q, %v", length, got, err)
		}
	}
	var tooLarge *http.MaxBytesError
	for _, length := range []int64{9, -1} {
		if _, err := read(strings.NewReader("123456789"), length); !errors.As(err, &tooLarge) {
			t.Errorf("length %d: %v", length, err)
		}
	}
	if _, err := read(io.MultiReader(strings.NewReader("1"), failing{}), -1); !errors.Is(err, ErrCutShort) {
		t.Errorf("got %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestBearerToken(t *testing.T) {
	for _, test := range []struct {
		header  []string
		raw     string
		present bool
	}{
		{nil, "", false},
		{[]string{"Bearer abc"}, "abc", true},
		{[]string{"bearer  abc "}, "abc", true},
		{[]string{"Bearer"}, "", true},
		{[]string{"Basic abc"}, "", true},
		{[]string{"Bearer abc", "Bearer def"}, "", true},
		{[]string{""}, "", true},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = test.header
		if raw, present := BearerToken(r); raw != test.raw || present != test.present {
			t.Errorf("%q: %q, %v", test.header, raw, present)
		}
	}
}

func TestSendJSON(t *testing.T) {
	for _, test := range []struct {
		method string
		body   any
		want   string
		status int
	}{
		{http.MethodGet, map[string]int{"a": 1}, `{"a":1}`, http.StatusOK},
		{http.MethodGet, nil, "", http.StatusOK},
		{http.MethodHead, map[string]int{"a": 1}, "", http.StatusOK},
		{http.MethodGet, func() {}, "", http.StatusInternalServerError},
	} {
		w := httptest.NewRecorder()
		SendJSON(w, httptest.NewRequest(test.method, "/", nil), http.StatusOK, "application/json", test.body)
		if w.Body.String() != test.want || w.Code != test.status || (w.Header().Get("Content-Type") != "") != (test.want != "") {
			t.Errorf("%s %v: %d %q", test.method, test.body, w.Code, w.Body)
		}
	}
}
