package main

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/coder/websocket"
)

// maxCredentials bounds the body of a request from somebody not yet known.
const maxCredentials = 4 << 10

// face is what the server shows to the network: newt trades its id and secret for a token, and the
// token for a web socket. A newt that has a provisioning key instead trades that for id and secret.
type face struct {
	id, secret string
	// Read at each request: a test gives out new keys while the server runs. Empty: no keys.
	keyFile string
	mu      sync.Mutex
	spent   map[string]bool
	// One token per run is enough for one newt, which asks for a new one before each connection.
	token string
	site  *site
	log   *slog.Logger
}

func newFace(id, secret, keyFile string, site *site, log *slog.Logger) http.Handler {
	f := &face{
		id: id, secret: secret, keyFile: keyFile, spent: map[string]bool{},
		token: rand.Text(), site: site, log: log,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "dummy Pangolin\n") // a reader that hung up is not our concern
	})
	mux.HandleFunc("POST /api/v1/auth/newt/get-token", f.getToken)
	mux.HandleFunc("POST /api/v1/auth/newt/register", f.register)
	mux.HandleFunc("GET /api/v1/ws", f.webSocket)
	return mux
}

// answer is the envelope of all Pangolin's answers.
type answer struct {
	Data    any    `json:"data"`
	Success bool   `json:"success"`
	Error   bool   `json:"error"`
	Message string `json:"message"`
	Status  int    `json:"status"`
}

func (f *face) getToken(w http.ResponseWriter, r *http.Request) {
	var given struct {
		NewtID string `json:"newtId"`
		Secret string `json:"secret"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCredentials)).Decode(&given); err != nil {
		f.refuse(w, r, "", http.StatusBadRequest, "Body is not the expected JSON")
		return
	}
	// Pangolin answers 400, not 401, in both cases; newt logs the code and the text.
	if !same(given.NewtID, f.id) {
		f.refuse(w, r, given.NewtID, http.StatusBadRequest, "No newt found with that newtId")
		return
	}
	if !same(given.Secret, f.secret) {
		f.refuse(w, r, given.NewtID, http.StatusBadRequest, "Secret is incorrect")
		return
	}
	writeJSON(w, http.StatusOK, answer{
		Data:    map[string]string{"token": f.token, "serverVersion": serverVersion},
		Success: true, Message: "Token created successfully", Status: http.StatusOK,
	})
}

// register gives the one newt its id and secret for a provisioning key, once per key.
func (f *face) register(w http.ResponseWriter, r *http.Request) {
	var given struct {
		ProvisioningKey string `json:"provisioningKey"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCredentials)).Decode(&given); err != nil {
		f.refuse(w, r, "", http.StatusBadRequest, "Body is not the expected JSON")
		return
	}
	if !f.spend(given.ProvisioningKey) {
		f.refuse(w, r, "", http.StatusUnauthorized, "Invalid provisioning key")
		return
	}
	f.log.Info("provisioned", "remote", r.RemoteAddr, "id", f.id)
	writeJSON(w, http.StatusCreated, answer{
		Data:    map[string]string{"newtId": f.id, "secret": f.secret},
		Success: true, Message: "Newt registered successfully", Status: http.StatusCreated,
	})
}

// spend tells whether a key is good, and makes it good for nothing more.
func (f *face) spend(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	valid, err := os.ReadFile(f.keyFile)
	valid = bytes.TrimSpace(valid)
	if err != nil || len(valid) == 0 || !same(key, string(valid)) || f.spent[key] {
		return false
	}
	f.spent[key] = true
	return true
}

func (f *face) webSocket(w http.ResponseWriter, r *http.Request) {
	if !same(r.URL.Query().Get("token"), f.token) {
		f.refuse(w, r, "", http.StatusUnauthorized, "Unauthorized")
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil { // Accept has answered the request
		f.log.Info("refused", "remote", r.RemoteAddr, "reason", err.Error())
		return
	}
	f.site.serve(r.Context(), conn, r.RemoteAddr)
}

func (f *face) refuse(w http.ResponseWriter, r *http.Request, id string, status int, why string) {
	f.site.refuse(r.RemoteAddr, id, why)
	writeJSON(w, status, answer{Error: true, Message: why, Status: status})
}

// same compares in constant time: this is a toy, but a toy that holds a secret.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // a fetched page stays readable
	_ = encoder.Encode(body)     // a reader that hung up is not our concern
}
