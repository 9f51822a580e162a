# syntax=docker/dockerfile:1

# The bundle is the same on every processor, so it is built once, on the builder's own.
FROM --platform=$BUILDPLATFORM node:24-slim AS build
WORKDIR /source
COPY package.json package-lock.json ./
# Without scripts: what they would fetch (a Node for development) is not needed here.
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json build*.ts ./
COPY machines machines
COPY src src
# There is no /usr/bin/env in the image below, so the program names its Node itself.
RUN node build.ts \
  && rm -r dist/types \
  && sed -i '1s|^#!.*|#!/nodejs/bin/node|' dist/vllm-chill.js \
  && mkdir -p /image/app /image/usr/local/bin \
  && cp -r dist package.json /image/app/ \
  && ln -s /app/dist/vllm-chill.js /image/usr/local/bin/vllm-chill
COPY LICENSE /image/app/

# Node and the libraries it needs: no shell, no package manager, certificates and time zones.
FROM gcr.io/distroless/nodejs24-debian13:nonroot
ARG VERSION=0.0.0-dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vllm-chill" \
  org.opencontainers.image.description="Scale vLLM to zero, hold requests while it wakes, and switch models on one GPU, behind one OpenAI API" \
  org.opencontainers.image.source="https://github.com/efortin/vllm-chill" \
  org.opencontainers.image.documentation="https://github.com/efortin/vllm-chill#readme" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image /
ENV NODE_ENV=production \
  VLLM_CHILL_STATE_DIR=/tmp/vllm-chill
WORKDIR /home/nonroot
# As the manifests have it. A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["vllm-chill", "health"]
ENTRYPOINT ["vllm-chill"]
CMD ["serve"]
