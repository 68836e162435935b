package issuer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/midas-mysql/midas"
)

func record(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

// typed sends the page's form.
func (r *realm) typed(t testing.TB, header map[string]string, pairs ...string) (int, string) {
	t.Helper()
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, r.base+"/devicelogin", strings.NewReader(f.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := new(strings.Builder)
	if _, err := copyTo(body, res); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body.String()
}

// device asks for a code.
func (r *realm) device(t testing.TB) (deviceCode, userCode string) {
	t.Helper()
	status, doc := r.post(t, "/"+r.tenant+"/oauth2/v2.0/devicecode", "client_id", azureCLI, "scope", midas.Resource+"/.default openid offline_access")
	if status != http.StatusOK || doc["verification_uri"] != r.base+"/devicelogin" || doc["expires_in"] != 900.0 || doc["interval"] != 5.0 {
		t.Fatal(status, doc)
	}
	userCode = doc["user_code"].(string)
	if !regexp.MustCompile(`^[B-DF-HJ-NP-TV-XZ]{9}$`).MatchString(userCode) || !strings.Contains(doc["message"].(string), userCode) {
		t.Errorf("user code %q, message %q", userCode, doc["message"])
	}
	return doc["device_code"].(string), userCode
}

func (r *realm) poll(t testing.TB, deviceCode string) (int, map[string]any) {
	t.Helper()
	return r.post(t, r.v2(), "grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", azureCLI, "device_code", deviceCode, "scope", "openid offline_access")
}

func TestDeviceCode(t *testing.T) {
	r := newRealm(t)
	deviceCode, userCode := r.device(t)
	status, doc := r.poll(t, deviceCode)
	refused(t, "before", status, doc, 400, "authorization_pending", "AADSTS70016")
	status, doc = r.poll(t, deviceCode)
	refused(t, "at once again", status, doc, 400, "slow_down", "AADSTS50196")

	status, page := r.typed(t, nil, "code", strings.ToLower(userCode[:4])+"-"+userCode[4:])
	if status != http.StatusOK || !strings.Contains(page, "Microsoft Azure CLI") || !strings.Contains(page, "127.0.0.1") || !strings.Contains(page, `type="password"`) {
		t.Fatalf("%d: the page should say which program asks, from where, and ask for the password: %s", status, page)
	}
	status, page = r.typed(t, nil, "code", userCode, "upn", alice, "password", "wrong<script>")
	if status != http.StatusBadRequest || !strings.Contains(page, "invalid username or password") || strings.Contains(page, "wrong") {
		t.Errorf("%d %s", status, page)
	}
	status, page = r.typed(t, nil, "code", userCode, "upn", alice, "password", password)
	if status != http.StatusOK || !strings.Contains(page, "You have signed in to Microsoft Azure CLI") {
		t.Fatalf("%d %s", status, page)
	}
	r.pass(5 * time.Second)
	status, doc = r.poll(t, deviceCode)
	if status != http.StatusOK || claims(t, doc).UPN != alice || claims(t, doc).Audience[0] != midas.Resource || doc["refresh_token"] == nil || doc["id_token"] == nil {
		t.Fatalf("%d %v", status, doc)
	}
	status, doc = r.poll(t, deviceCode)
	refused(t, "a second time", status, doc, 400, "bad_verification_code", "AADSTS70000")
	if status, _ = r.typed(t, nil, "code", userCode); status != http.StatusBadRequest {
		t.Errorf("the user code a second time: %d", status)
	}
}

func TestDeviceCodeDeclinedAndExpired(t *testing.T) {
	r := newRealm(t)
	declined, code := r.device(t)
	if status, page := r.typed(t, nil, "code", code, "decline", "yes"); status != http.StatusOK || !strings.Contains(page, "declined") {
		t.Errorf("%d %s", status, page)
	}
	status, doc := r.poll(t, declined)
	refused(t, "declined", status, doc, 400, "authorization_declined", "AADSTS70018")
	late, code := r.device(t)
	r.pass(15 * time.Minute)
	if status, _ := r.typed(t, nil, "code", code, "upn", alice, "password", password); status != http.StatusBadRequest {
		t.Errorf("signed in with an expired code: %d", status)
	}
	status, doc = r.poll(t, late)
	refused(t, "expired", status, doc, 400, "expired_token", "AADSTS70020")
	other, _ := r.device(t)
	status, doc = r.post(t, r.v2(), "grant_type", "device_code", "client_id", "1950a258-227b-4e31-a9cf-717495945fc2", "code", other)
	refused(t, "another client's", status, doc, 400, "bad_verification_code", "AADSTS70000")
}

func TestDeviceCodeOfVersion1(t *testing.T) {
	r := newRealm(t)
	status, doc := r.post(t, "/common/oauth2/devicecode", "client_id", azureCLI, "resource", midas.Resource)
	if status != http.StatusOK || doc["verification_url"] != r.base+"/devicelogin" || doc["expires_in"] != "900" || doc["interval"] != "5" {
		t.Fatal(status, doc)
	}
	if status, page := r.typed(t, nil, "code", doc["user_code"].(string), "upn", alice, "password", password); status != http.StatusOK {
		t.Fatal(status, page)
	}
	status, doc = r.post(t, "/common/oauth2/token", "grant_type", "device_code", "client_id", azureCLI, "code", doc["device_code"].(string), "resource", midas.Resource)
	if status != http.StatusOK || doc["resource"] != midas.Resource || doc["refresh_token"] == nil || doc["id_token"] == nil {
		t.Errorf("%d %v", status, doc)
	}
}

func TestDevicePageIsNotForOtherSites(t *testing.T) {
	r := newRealm(t)
	_, code := r.device(t)
	for name, header := range map[string]map[string]string{
		"said by the browser": {"Sec-Fetch-Site": "cross-site"},
		"said by the origin":  {"Origin": "https://evil.example"},
	} {
		if status, page := r.typed(t, header, "code", code, "upn", alice, "password", password); status != http.StatusForbidden || strings.Contains(page, code) {
			t.Errorf("%s: %d %s", name, status, page)
		}
	}
	res, err := r.http.Get(r.base + "/common/oauth2/deviceauth?code=" + code)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body := new(strings.Builder)
	if _, err := copyTo(body, res); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(body.String(), code) {
		t.Error("a code that somebody put into a link was filled in")
	}
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "style-src 'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(body.String(), "<script") || res.Header.Get("Cache-Control") == "" || res.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%v %s", res.Header, body)
	}
}

func TestDevicePageEscapes(t *testing.T) {
	r := newRealm(t)
	_, code := r.device(t)
	_, page := r.typed(t, nil, "code", code, "upn", `"><script>alert(1)</script>`, "password", "x")
	if strings.Contains(page, "<script>") || !strings.Contains(page, "&lt;script&gt;") {
		t.Error(page)
	}
}

// There are more codes than anybody guesses: what is typed wrong now and then, and even what
// one program tries, keeps others at its address out for no longer than that.
func TestGuessingCodesIsThrottled(t *testing.T) {
	r := newRealm(t)
	_, code := r.device(t)
	enter := func(code string) int {
		req := httptest.NewRequest(http.MethodPost, "/devicelogin", strings.NewReader("code="+code))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.RemoteAddr = "192.0.2.7:1234"
		return record(r.Issuer, req).Code
	}
	for i := range 1000 {
		if status := enter(code); i%100 == 0 && status != http.StatusOK {
			t.Errorf("the right one after %d wrong ones: %d", i, status)
		}
		if status := enter("BBBBBBBBB"); status != http.StatusBadRequest {
			t.Fatal(status)
		}
	}
	if status := enter(code); status != http.StatusTooManyRequests {
		t.Errorf("the right one after 1000 wrong ones: %d", status)
	}
	if status, _ := r.typed(t, nil, "code", code); status != http.StatusOK {
		t.Errorf("from elsewhere: %d", status)
	}
	r.pass(time.Second)
	if status := enter(code); status != http.StatusOK {
		t.Errorf("a second later: %d", status)
	}
}

// TestTokensAreNotForPagesOfOtherSites: such a page would guess from its reader's address.
func TestTokensAreNotForPagesOfOtherSites(t *testing.T) {
	r := newRealm(t)
	for _, path := range []string{r.v2(), "/common/oauth2/token", "/common/oauth2/v2.0/devicecode", "/common/oauth2/devicecode"} {
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			req := httptest.NewRequest(http.MethodPost, path, strings.NewReader("client_id="+azureCLI+"&scope=openid"))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set(name, value)
			if rec := record(r.Issuer, req); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "AADSTS9002326") {
				t.Errorf("%s with %s: %d %s", path, name, rec.Code, rec.Body)
			}
		}
	}
}
