package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"
)

// What proxies in Go do that look into the body for the model: read all of it, parse it, send it on
// with net/http/httputil. `--tuned` takes the limits off the transport and reuses buffers.
func runProxy(args []string) {
	target, err := url.Parse(option(args, "--backend", ""))
	check(err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	if option(args, "--tuned", "no") == "yes" {
		proxy.Transport = &http.Transport{
			MaxIdleConns:        4096,
			MaxIdleConnsPerHost: 4096,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		}
		proxy.BufferPool = &buffers{sync.Pool{New: func() any { return make([]byte, 32<<10) }}}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+option(args, "--port", "0"))
	check(err)
	fmt.Printf("listening on http://%s\n", listener.Addr())
	check(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var named struct{ Model string }
		if json.Unmarshal(body, &named) != nil || named.Model == "" {
			http.Error(w, "no model", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		proxy.ServeHTTP(w, r)
	})))
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte       { return b.pool.Get().([]byte) }
func (b *buffers) Put(buffer []byte) { b.pool.Put(buffer) }
