package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A cheap stand-in for vLLM, and its command line: what it does not know it ignores. Bytes are written
// to the socket by hand, since net/http would cost more than the proxies that are measured.
//
// What it answers is said in the query: `bench=stream`, `bench=abort`, `bench=aborts`, `bench=body`,
// `bench=stamp`; without one it is a small JSON answer at once.
type backend struct {
	model string
	// Where the times of its life go, a line each: `model event ns`.
	events string
	small  []byte
	mutex  sync.Mutex
	// When each connection of a `bench=abort` was seen to be closed, ns.
	aborted map[string]int64
}

const completion = `{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"bench",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog."},` +
	`"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":10,"total_tokens":22}}`

func runBackend(args []string) {
	b := &backend{
		model:   option(args, "--served-model-name", "bench"),
		events:  option(args, "--events", ""),
		aborted: map[string]int64{},
	}
	b.small = answer("application/json", completion)
	b.note("started")
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-terminated
		b.note("stopping")
		b.note("stopped")
		os.Exit(0)
	}()
	load, err := time.ParseDuration(option(args, "--load-time", "0s"))
	check(err)
	time.Sleep(load)
	if gate := option(args, "--gate", ""); gate != "" {
		for !exists(gate) {
			time.Sleep(2 * time.Millisecond)
		}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(option(args, "--host", "127.0.0.1"), option(args, "--port", "0")))
	check(err)
	b.note("ready")
	fmt.Printf("listening on http://%s\n", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err == nil {
			go b.serve(conn)
		}
	}
}

func option(args []string, name string, fallback string) string {
	for i, arg := range args {
		if arg == name && i+1 < len(args) {
			return args[i+1]
		}
		if strings.HasPrefix(arg, name+"=") {
			return arg[len(name)+1:]
		}
	}
	return fallback
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (b *backend) note(event string) {
	if b.events == "" {
		return
	}
	file, err := os.OpenFile(b.events, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	check(err)
	fmt.Fprintf(file, "%s %s %d\n", b.model, event, time.Now().UnixNano())
	file.Close()
}

func answer(kind string, body string) []byte {
	return []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", kind, len(body), body))
}

// What of a request matters here.
type asked struct {
	path    string
	firstAt int64
	bytes   int64
}

func (b *backend) serve(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64<<10)
	for {
		request, err := readRequest(reader)
		if err != nil {
			return
		}
		at := strings.IndexByte(request.path, '?')
		if at == -1 {
			if err = b.plain(conn, request.path); err != nil {
				return
			}
			continue
		}
		query, err := url.ParseQuery(request.path[at+1:])
		if err != nil {
			return
		}
		switch query.Get("bench") {
		case "stream":
			err = stream(conn, query)
		case "abort":
			b.untilClosed(conn, query)
			return
		case "aborts":
			_, err = conn.Write(answer("application/json", b.aborts()))
		case "body":
			_, err = conn.Write(answer("application/json", fmt.Sprintf(`{"first":%d,"bytes":%d}`, request.firstAt, request.bytes)))
		case "stamp":
			_, err = conn.Write(answer("application/json", fmt.Sprintf(`{"at":%d}`, time.Now().UnixNano())))
		default:
			_, err = conn.Write(b.small)
		}
		if err != nil {
			return
		}
	}
}

func (b *backend) plain(conn net.Conn, path string) error {
	var err error
	switch path {
	case "/v1/models":
		_, err = conn.Write(answer("application/json", fmt.Sprintf(`{"object":"list","data":[{"id":%q}]}`, b.model)))
	case "/metrics":
		_, err = conn.Write(answer("text/plain", "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n"))
	default:
		_, err = conn.Write(b.small)
	}
	return err
}

var lengthName, codingName = []byte("content-length:"), []byte("transfer-encoding:")

func readRequest(reader *bufio.Reader) (asked, error) {
	var request asked
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return request, err
	}
	parts := bytes.SplitN(line, []byte(" "), 3)
	if len(parts) != 3 {
		return request, errors.New("no request line")
	}
	request.path = string(parts[1])
	length, chunked := int64(0), false
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return request, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if hasName(line, lengthName) {
			length, err = strconv.ParseInt(string(bytes.TrimSpace(line[len(lengthName):])), 10, 64)
			if err != nil {
				return request, err
			}
		} else if hasName(line, codingName) {
			chunked = true
		}
	}
	if length > 0 || chunked {
		if _, err = reader.Peek(1); err != nil {
			return request, err
		}
		request.firstAt = time.Now().UnixNano()
	}
	if !chunked {
		request.bytes = length
		_, err = io.CopyN(io.Discard, reader, length)
		return request, err
	}
	for {
		line, err = reader.ReadSlice('\n')
		if err != nil {
			return request, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return request, err
		}
		request.bytes += size
		if _, err = io.CopyN(io.Discard, reader, size+2); err != nil || size == 0 {
			return request, err
		}
	}
}

func hasName(line []byte, name []byte) bool {
	return len(line) >= len(name) && bytes.EqualFold(line[:len(name)], name)
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"

// An event as vLLM writes it, in size too, with the time of its writing in 19 digits of ns.
const eventStart = `data: {"at":`
const eventEnd = `,"id":"chatcmpl-9a8b7c6d5e4f","object":"chat.completion.chunk","created":1700000000,` +
	`"model":"bench","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}` + "\n\n"

func appendEvent(to []byte) []byte {
	size := len(eventStart) + 19 + len(eventEnd)
	to = strconv.AppendInt(to, int64(size), 16)
	to = append(to, "\r\n"+eventStart...)
	to = strconv.AppendInt(to, time.Now().UnixNano(), 10)
	to = append(to, eventEnd...)
	return append(to, "\r\n"...)
}

// `chunks` events, `every` one after the other; the head goes with the first.
func stream(conn net.Conn, query url.Values) error {
	chunks, _ := strconv.Atoi(query.Get("chunks"))
	every, err := time.ParseDuration(query.Get("every"))
	if err != nil {
		return err
	}
	buffer := append(make([]byte, 0, 1024), streamHead...)
	if _, err = conn.Write(appendEvent(buffer)); err != nil {
		return err
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for i := 1; i < chunks; i++ {
		<-ticker.C
		if _, err = conn.Write(appendEvent(buffer[:0])); err != nil {
			return err
		}
	}
	_, err = conn.Write([]byte("0\r\n\r\n"))
	return err
}

// Streams until the peer closes, and remembers when that was.
func (b *backend) untilClosed(conn net.Conn, query url.Values) {
	go stream(conn, url.Values{"chunks": {"1000000"}, "every": {query.Get("every")}})
	one := make([]byte, 1)
	conn.Read(one)
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.aborted[query.Get("id")] = time.Now().UnixNano()
}

func (b *backend) aborts() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	entries := make([]string, 0, len(b.aborted))
	for id, at := range b.aborted {
		entries = append(entries, fmt.Sprintf("%q:%d", id, at))
	}
	return "{" + strings.Join(entries, ",") + "}"
}
