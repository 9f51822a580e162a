package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A client's connection; requests are written by hand, answers are read as they come.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	host   string
}

func dial(target string) (*client, error) {
	parsed, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTimeout("tcp", parsed.Host, 20*time.Second)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReaderSize(conn, 4096), parsed.Host}, nil
}

const chatPath = "/v1/chat/completions"

func (c *client) head(path string, length int) []byte {
	return []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer sk-bench\r\nContent-Type: application/json\r\n"+
		"Accept: */*\r\nUser-Agent: bench\r\nContent-Length: %d\r\n\r\n", path, c.host, length))
}

func (c *client) send(path string, body []byte) error {
	_, err := c.conn.Write(append(c.head(path, len(body)), body...))
	return err
}

// What an answer's head says; the head is read.
func (c *client) readHead() (status int, length int64, err error) {
	length = -1
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("no status line: %q", line)
	}
	status, err = strconv.Atoi(string(line[9:12]))
	for err == nil {
		line, err = c.reader.ReadSlice('\n')
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if hasName(line, lengthName) {
			length, err = strconv.ParseInt(string(bytes.TrimSpace(line[len(lengthName):])), 10, 64)
		}
	}
	return status, length, err
}

// A whole answer of known length.
func (c *client) readAnswer() ([]byte, error) {
	status, length, err := c.readHead()
	if err != nil {
		return nil, err
	}
	if length < 0 {
		return nil, fmt.Errorf("status %d without a length", status)
	}
	body := make([]byte, length)
	_, err = io.ReadFull(c.reader, body)
	if err == nil && status != 200 {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	return body, err
}

func small(model string) []byte {
	return []byte(fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Tell me of the quick brown fox."}],"stream":true}`, model))
}

func number(args []string, name string, fallback int) int {
	value, err := strconv.Atoi(option(args, name, strconv.Itoa(fallback)))
	check(err)
	return value
}

func duration(args []string, name string, fallback string) time.Duration {
	value, err := time.ParseDuration(option(args, name, fallback))
	check(err)
	return value
}

type spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Of samples in ns, in units of `unit`.
func spreadOf(samples []int64, unit time.Duration) spread {
	if len(samples) == 0 {
		return spread{}
	}
	sort.Slice(samples, func(i, j int) bool { return samples[i] < samples[j] })
	at := func(share float64) float64 {
		return float64(samples[int(share*float64(len(samples)-1))]) / float64(unit)
	}
	return spread{at(0.5), at(0.99), at(1)}
}

// CPU time of the processes, seconds, to 10 ms.
func cpuOf(pids []string) float64 {
	ticks := 0.0
	for _, pid := range pids {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range fields[11:13] {
			value, _ := strconv.ParseFloat(field, 64)
			ticks += value
		}
	}
	return ticks / 100
}

func pids(args []string) []string {
	list := option(args, "--pids", "")
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
