# The demo: a shop with faults to switch, and its dashboard. `docker compose up` runs it.
# It needs POOL_DASHBOARD_TOKEN, because inside a container it has to listen on every address.

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY dashboard dashboard
COPY static static
COPY templates templates
RUN python -m venv /app
RUN /app/bin/pip install --no-cache-dir --disable-pip-version-check '.[demo]'
RUN /app/bin/pip uninstall --yes --disable-pip-version-check pip

FROM python:3.13-slim
COPY --from=build /app /app
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin pools
RUN python -m pip uninstall --yes --quiet pip
USER 10001:10001
WORKDIR /tmp
ENV PATH=/app/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8765
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8765/healthz', timeout=2)"]
CMD ["pool-dashboard", "demo", "--listen", "0.0.0.0:8765"]
