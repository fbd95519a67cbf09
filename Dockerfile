# The pinned environment and the workflow; a study lies in /study:
#   docker build -t microexpr .
#   docker run --rm -v "$PWD:/study" microexpr init .
#   docker run --rm -v "$PWD:/study" microexpr run -- results/table.csv
FROM python:3.11-slim
COPY . /opt/microexpr
# PyTorch's CPU build first: the build that the lock's hashes name brings 2.7 GB of CUDA.
RUN cd /opt/microexpr && \
    pip install --no-cache-dir --no-deps --index-url https://download.pytorch.org/whl/cpu \
        "$(grep -o '^torch==[0-9.]*' requirements-cpu.lock)" && \
    pip install --no-cache-dir --no-deps --require-hashes -r requirements-cpu.lock && \
    pip install --no-cache-dir --no-deps .
WORKDIR /study
# Files of a study belong to whoever runs it: docker run --user "$(id -u):$(id -g)"
ENV HOME=/study XDG_CACHE_HOME=/study/.cache
ENTRYPOINT ["microexpr"]
