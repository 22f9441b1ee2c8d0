# One image, every role: the command decides which process it is (worker, scheduler, migrate up, or any other command of
# `tasker`). Runs on any glibc Node 24 image of a Debian kind:
#   docker build --tag tasker-fleet --build-arg NODE_IMAGE=docker.io/library/node:24-bookworm-slim .
# A private registry: --secret id=npmrc,src=$HOME/.npmrc. Without a container engine: scripts/build-image.sh.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

# Node as process 1 ignores SIGTERM until it has installed a handler, and never reaps the orphans of a handler's own children.
FROM ${NODE_IMAGE} AS init
RUN test -x /usr/bin/tini-static \
 || { apt-get update && apt-get install --yes --no-install-recommends tini; }

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --omit=dev --omit=optional --workspaces=false --ignore-scripts --no-update-notifier \
 # A workflow with a package.json of its own finds this library too, and not a second copy.
 && mkdir -p node_modules && ln -s .. node_modules/tasker-fleet

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# Not the workspaces, which hold a quarter of a gigabyte for the tests, nor the larger ones of the packages that only tests and checks need.
# Versions and checksums stay those of the lock file.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm pkg delete allowScripts workspaces \
      devDependencies.@arethetypeswrong/cli devDependencies.@kubernetes-models/keda \
      devDependencies.@kubernetes-models/prometheus-operator devDependencies.@mikro-orm/core \
      devDependencies.@mikro-orm/postgresql devDependencies.@opentelemetry/exporter-trace-otlp-http \
      devDependencies.@prisma/adapter-pg devDependencies.@prisma/client devDependencies.axe-core devDependencies.drizzle-orm \
      devDependencies.fast-check devDependencies.knex devDependencies.knip devDependencies.kubernetes-models \
      devDependencies.oxfmt devDependencies.oxlint devDependencies.playwright-core devDependencies.postgres \
      devDependencies.publint devDependencies.s3rver devDependencies.typeorm devDependencies.typescript-5 \
      devDependencies.vitest \
 && npm install --ignore-scripts --no-save --no-update-notifier
COPY tsconfig.json tsconfig.build.json ./
COPY migrations migrations
COPY src src
COPY dashboard dashboard
COPY scripts/build.ts scripts/build.ts
COPY scripts/package scripts/package
RUN npm run build

FROM ${NODE_IMAGE}
COPY --from=init /usr/bin/tini-static /usr/local/bin/tini
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
# The package has the zod that it uses inside; this one is for workflows that bring none.
COPY --from=build /src/node_modules/zod node_modules/zod
COPY package.json LICENSE ./
COPY deploy/image/healthcheck.js healthcheck.js
COPY --from=build /src/dist dist
# Workflows are added by an image FROM this one, or mounted here.
RUN mkdir workflows && ln -s /app/dist/cli.js /usr/local/bin/tasker
# Probes come from outside the container, so they cannot listen on its loopback address alone. Node's own limit of its heap is
# as large as a small container: the process would be killed instead of collecting garbage or reporting that its heap is full.
# The young generation would take 96 MB; with 8 MB a worker at full load is slower by a twentieth at most.
ENV NODE_ENV=production \
    NODE_OPTIONS="--max-old-space-size-percentage=60 --max-semi-space-size=4" \
    TASKER_METRICS_HOST=0.0.0.0 \
    TASKER_METRICS_PORT=9464
EXPOSE 8280 9464
# By number: Kubernetes cannot verify that a name is not root (runAsNonRoot). No file in the image belongs to this user.
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["node", "/app/healthcheck.js"]
ENTRYPOINT ["tini", "--", "tasker"]
CMD ["--help"]

# Last, since they differ with every commit.
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="Tasker Fleet" \
      org.opencontainers.image.description="Durable workflows on PostgreSQL: worker, scheduler, HTTP API and migrations in one image" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
