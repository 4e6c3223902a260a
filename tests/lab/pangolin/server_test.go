package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// startServer runs all of the program but its sockets: the face and the control API are test
// servers, and the tunnel takes a free port.
func startServer(t *testing.T) (public, control *httptest.Server) {
	log := slog.New(slog.DiscardHandler)
	tun, err := startTunnel(0, log)
	if err != nil {
		t.Fatal(err)
	}
	site := newSite("pangolin.example.com", "51820", tun, log)
	public = httptest.NewServer(newFace("id", "secret", keyFile(t), site, log))
	control = httptest.NewServer(newControl(site, tun, &pings{log: log}))
	t.Cleanup(func() { public.Close(); control.Close(); tun.stop() })
	return public, control
}

func keyFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAProvisioningKeyIsGoodForIdAndSecretOnce(t *testing.T) {
	public, _ := startServer(t)
	register := public.URL + "/api/v1/auth/newt/register"
	for _, body := range []string{`{"provisioningKey":"wrong"}`, `{"provisioningKey":""}`, `{}`, `not json`} {
		if status, got := post(t, register, body); status < 400 || strings.Contains(got, `"secret"`) {
			t.Errorf("%s: got %d %s, want a refusal", body, status, got)
		}
	}
	status, got := post(t, register, `{"provisioningKey":"key"}`)
	if status != http.StatusCreated || !strings.Contains(got, `{"newtId":"id","secret":"secret"}`) {
		t.Errorf("got %d %s, want id and secret", status, got)
	}
	if status, _ := post(t, register, `{"provisioningKey":"key"}`); status != http.StatusUnauthorized {
		t.Errorf("a key that was used: got %d, want 401", status)
	}
}

func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestOnlyTheRightCredentialsGetAToken(t *testing.T) {
	public, _ := startServer(t)
	for body, want := range map[string]string{
		`{"newtId":"id","secret":"secret"}`: `"success":true`,
		`{"newtId":"id","secret":"wrong"}`:  `"message":"Secret is incorrect","status":400`,
		`{"newtId":"other","secret":"x"}`:   `"message":"No newt found with that newtId","status":400`,
		`not json`:                          `"status":400`,
	} {
		if _, got := post(t, public.URL+"/api/v1/auth/newt/get-token", body); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want it to contain %s", body, got, want)
		}
	}
}

func TestWebSocketNeedsTheToken(t *testing.T) {
	public, _ := startServer(t)
	response, err := http.Get(public.URL + "/api/v1/ws?clientType=newt&token=guessed")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d, want 401", response.StatusCode)
	}
}

// TestNewtIsLedToTheTunnel plays newt's part up to the order to connect, which must carry the chain
// id of the question and the targets given before newt came.
func TestNewtIsLedToTheTunnel(t *testing.T) {
	public, control := startServer(t)
	put, err := http.NewRequest(http.MethodPut, control.URL+"/targets",
		strings.NewReader(`[{"protocol":"tcp","listen":3000,"target":"10.0.1.50:3000"}]`))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(put)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()

	_, text := post(t, public.URL+"/api/v1/auth/newt/get-token", `{"newtId":"id","secret":"secret"}`)
	var granted struct{ Data struct{ Token string } }
	if err := json.Unmarshal([]byte(text), &granted); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, public.URL+"/api/v1/ws?clientType=newt&token="+granted.Data.Token, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()

	ask := func(kind string, data map[string]any, wantKind string, into any) {
		t.Helper()
		if err := wsjson.Write(ctx, conn, outgoing{kind, data}); err != nil {
			t.Fatal(err)
		}
		var got incoming
		if err := wsjson.Read(ctx, conn, &got); err != nil {
			t.Fatal(err)
		}
		if got.Type != wantKind {
			t.Fatalf("%s was answered by %s, want %s", kind, got.Type, wantKind)
		}
		if err := json.Unmarshal(got.Data, into); err != nil {
			t.Fatal(err)
		}
	}
	var nodes exitNodes
	ask(msgExitNodesWant, map[string]any{"chainId": "c1"}, msgExitNodes, &nodes)
	if nodes.ChainID != "c1" || len(nodes.ExitNodes) != 1 {
		t.Errorf("got %+v, want one exit node under the chain id c1", nodes)
	}
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	var order connectOrder
	ask(msgRegister, map[string]any{"publicKey": key, "chainId": "c2",
		"pingResults": []pingResult{{ID: 1}}}, msgConnect, &order)
	if order.ChainID != "c2" || order.TunnelIP != newtIP.String() {
		t.Errorf("got %+v, want newt's address under the chain id c2", order)
	}
	if len(order.Targets.TCP) != 1 || order.Targets.TCP[0] != "3000:10.0.1.50:3000" {
		t.Errorf("got targets %v, want the one given before newt came", order.Targets.TCP)
	}
}

func TestFailuresBeginWithTheWordATestLooksFor(t *testing.T) {
	for want, err := range map[string]error{
		"timeout: ": context.DeadlineExceeded,
		"refused: ": errors.New("connect tcp 100.89.0.2:3000: connection was refused"),
		"closed: ":  errors.New("read tcp 100.89.0.1:16386: connection reset by peer"),
		"no newt":   errNoPeer,
	} {
		if got := explain(err); !strings.HasPrefix(got, want) {
			t.Errorf("%v reads %q, want it to begin with %q", err, got, want)
		}
	}
	if got := explain(io.EOF); !strings.HasPrefix(got, "closed: ") {
		t.Errorf("an early end reads %q, want it to begin with closed", got)
	}
}
