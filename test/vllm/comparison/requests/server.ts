import { type ComparedRequest, few, hi, model, posts } from '../request.ts'

const chat = '/v1/chat/completions'
const json = { 'content-type': 'application/json' }
const body = { model, messages: hi, ...few }
const text = JSON.stringify(body)

const asked: ComparedRequest[] = [
  { name: 'health', path: '/health' },
  { name: 'ping', path: '/ping' },
  { name: 'ping by POST', path: '/ping', method: 'POST' },
  { name: 'version', path: '/version' },
  { name: 'load', path: '/load' },
  { name: 'models', path: '/v1/models' },
  { name: 'one model', path: '/v1/models/small' },
  { name: 'models by POST', path: '/v1/models', method: 'POST' },
  { name: 'models by HEAD', path: '/v1/models', method: 'HEAD' },
  { name: 'health by HEAD', path: '/health', method: 'HEAD' },
  { name: 'a path nobody knows', path: '/v1/nothing' },
  { name: 'the root', path: '/' },
  { name: 'chat by GET', path: chat, method: 'GET' },
  { name: 'chat with a slash behind', path: `${chat}/`, body },
  { name: 'sleep without development mode', path: '/sleep', method: 'POST' },
  { name: 'is_sleeping without development mode', path: '/is_sleeping' },
  { name: 'tokenizer_info', path: '/tokenizer_info' },
]

const wrong: ComparedRequest[] = [
  { name: 'JSON cut short', path: chat, raw: '{"model":', headers: json },
  { name: 'not JSON', path: chat, raw: 'hello', headers: json },
  { name: 'a list', path: chat, raw: '[]', headers: json },
  { name: 'JSON null', path: chat, raw: 'null', headers: json },
  { name: 'no body', path: chat, raw: '', headers: json },
  { name: 'no content type', path: chat, raw: text, headers: { 'content-type': '' } },
  { name: 'plain text', path: chat, raw: text, headers: { 'content-type': 'text/plain' } },
  {
    name: 'a form, as curl sends it',
    path: chat,
    raw: text,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },
  {
    name: 'a content type with its charset',
    path: chat,
    raw: text,
    headers: { 'content-type': 'application/json; charset=utf-8' },
  },
]

const headers: ComparedRequest[] = [
  { name: 'a request id', path: chat, body, headers: { 'x-request-id': 'mine' } },
  { name: 'an origin', path: chat, body, headers: { origin: 'http://a.example' } },
  {
    name: 'a preflight',
    path: chat,
    method: 'OPTIONS',
    headers: {
      origin: 'http://a.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    },
  },
  { name: 'a key nobody asked for', path: chat, body, headers: { authorization: 'Bearer x' } },
]

/** A model that generates serves none of these. */
const otherTasks = [
  ...posts('/v1/embeddings', { model }, { 'of a generating model': { input: 'a' } }),
  ...posts('/score', { model }, { 'of a generating model': { text_1: 'a', text_2: 'b' } }),
  ...posts('/rerank', { model }, { 'of a generating model': { query: 'a', documents: ['b'] } }),
  ...posts('/classify', { model }, { 'of a generating model': { input: 'a' } }),
  ...posts('/pooling', { model }, { 'of a generating model': { input: 'a' } }),
]

export const serverRequests = [...asked, ...wrong, ...headers, ...otherTasks]
