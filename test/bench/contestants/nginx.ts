import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { familyOf, freePort, start, untilListening } from '../processes.ts'
import type { Contestant, Ground } from './contestant.ts'

/** One worker, kept connections, nothing buffered, no log. */
export async function startNginx({ tools, backend, folder }: Ground): Promise<Contestant> {
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  await writeFile(
    file,
    `
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx-error.log;
events { worker_connections 8000; }
http {
  access_log off;
  client_max_body_size 100m;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  upstream backend {
    server ${new URL(backend).host};
    keepalive 2000;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 1000000000;
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`,
  )
  const running = start('proxy', [tools.nginx, '-e', join(folder, 'nginx-error.log'), '-c', file])
  await untilListening(port, running)
  return {
    name: 'nginx',
    url: `http://127.0.0.1:${port}`,
    pids: familyOf(running.pid),
    end: () => running.end(),
  }
}
