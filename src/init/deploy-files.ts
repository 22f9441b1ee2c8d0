/** How a new project runs in production: one image, and its place in a cluster. */

export const DOCKERFILE = `# One image, every role: the command decides (worker, scheduler, migrate up, or any other command of tasker).
FROM node:24-bookworm-slim
# Process 1 has to pass signals on and to reap what handlers leave behind.
RUN apt-get update && apt-get install --yes --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev
COPY workflows workflows
ENV NODE_ENV=production \\
    NODE_OPTIONS=--max-old-space-size-percentage=60 \\
    TASKER_WORKFLOWS=/app/workflows \\
    TASKER_METRICS_HOST=0.0.0.0 \\
    TASKER_METRICS_PORT=9464
EXPOSE 9464
USER 1000:1000
ENTRYPOINT ["tini", "--", "node_modules/.bin/tasker"]
CMD ["worker"]
`;

export const DOCKERIGNORE = `.git
.tasker
node_modules
**/*.test.ts
`;

export const KUSTOMIZATION = `# kubectl apply --kustomize deploy
# The database is named by a Secret that you make:
#   kubectl create secret generic tasker-database --from-literal=DATABASE_URL=postgres://...
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - fleet.yaml
images:
  # Your image, as \`docker build\` and \`docker push\` named it.
  - name: workflows
    newName: registry.example.com/workflows
    newTag: "1"
`;

const pod = (role: string): string => `      enableServiceLinks: false
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 40
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        seccompProfile:
          type: RuntimeDefault
      initContainers:
        - name: wait-for-migrations
          image: workflows
          args: [migrate, wait, --wait-seconds, "3600"]
          envFrom:
            - secretRef:
                name: tasker-database
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
      containers:
        - name: ${role}
          image: workflows
          args: [${role}]
          envFrom:
            - secretRef:
                name: tasker-database
          ports:
            - name: metrics
              containerPort: 9464
          startupProbe:
            httpGet:
              path: /livez
              port: metrics
            periodSeconds: 5
            failureThreshold: 60
          livenessProbe:
            httpGet:
              path: /livez
              port: metrics
            periodSeconds: 10
          readinessProbe:
            httpGet:
              path: /readyz
              port: metrics
            periodSeconds: 5
          resources:
            requests:
              cpu: 200m
              memory: 256Mi
            # No limit of CPU: a throttled process renews its lease late.
            limits:
              memory: 512Mi
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
`;

const deployment = (role: string): string => `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: tasker-${role}
spec:
  replicas: 2
  selector:
    matchLabels:
      app: tasker-${role}
  template:
    metadata:
      labels:
        app: tasker-${role}
    spec:
${pod(role)}`;

export const FLEET = `# Migrations, two workers, two schedulers. A Job cannot be changed: before the next version,
#   kubectl delete job tasker-migrate --ignore-not-found
apiVersion: batch/v1
kind: Job
metadata:
  name: tasker-migrate
spec:
  backoffLimit: 3
  ttlSecondsAfterFinished: 86400
  template:
    spec:
      enableServiceLinks: false
      automountServiceAccountToken: false
      restartPolicy: Never
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: migrate
          image: workflows
          args: [migrate, up]
          envFrom:
            - secretRef:
                name: tasker-database
          securityContext:
            allowPrivilegeEscalation: false
            capabilities:
              drop: [ALL]
${deployment('worker')}${deployment('scheduler')}`;
